(function () {
  'use strict';
  // Replaces the static pictures by ECharts; without it, or on any error, they stay.
  var charts = JSON.parse(document.getElementById('charts').textContent);
  var live = [];

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  }

  function money(v) {
    return '$' + Number(v).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }

  // The label under the pointer, built of text nodes: a name can not become markup.
  function label(list) {
    var box = document.createElement('div');
    box.className = 'tip';
    var sum = 0;
    var head = document.createElement('b');
    box.appendChild(head);
    list.forEach(function (p) {
      var bar = p.seriesType === 'bar';
      if (bar) { sum += p.value; }
      if (!p.value || typeof p.value !== 'number' || (bar && list.length === 1)) { return; }
      var line = document.createElement('span');
      line.textContent = money(p.value) + '  ' + p.seriesName;
      line.style.color = p.color;
      box.appendChild(line);
    });
    head.textContent = (list.length ? list[0].name : '') + '  ' + money(sum);
    return box;
  }

  function dotLabel(p) {
    var box = document.createElement('div');
    box.className = 'tip';
    var head = document.createElement('b');
    head.textContent = p.seriesName;
    var line = document.createElement('span');
    if (p.seriesType === 'scatter') { line.textContent = p.value[0].toLocaleString('en-US') + ' tokens read, ' + p.value[1].toLocaleString('en-US') + ' written'; }
    box.appendChild(head);
    box.appendChild(line);
    return box;
  }

  function short(v) { return v >= 1e6 ? v / 1e6 + '\u00a0M' : v >= 1e3 ? v / 1e3 + '\u00a0k' : String(v); }

  function dressed(entry) {
    var o = JSON.parse(JSON.stringify(entry.option));
    var soft = color('soft'), line = color('line');
    o.color = entry.classes.map(color);
    o.textStyle = { fontFamily: getComputedStyle(document.body).fontFamily, color: soft };
    [].concat(o.xAxis).forEach(function (a) {
      a.axisLabel = { color: soft, hideOverlap: true };
      a.axisLine = { lineStyle: { color: line } };
      a.axisTick = { show: false };
    });
    if (o.tooltip.trigger === 'item') {
      [].concat(o.xAxis, o.yAxis).forEach(function (a) {
        a.axisLabel = { color: soft, formatter: short };
        a.splitLine = { show: true, lineStyle: { color: line } };
      });
      o.series.forEach(function (s) { if (s.type === 'scatter') { s.itemStyle = { opacity: 0.8 }; } });
    } else { [].concat(o.yAxis).forEach(function (a) {
      a.interval = a.max / 4;
      a.axisLabel = { color: soft, formatter: function (v) { return '$' + v.toLocaleString('en-US'); } };
      a.splitLine = { lineStyle: { color: line } };
    }); }
    o.tooltip.formatter = o.tooltip.trigger === 'item' ? dotLabel : label;
    o.tooltip.confine = true;
    o.tooltip.extraCssText = 'white-space:normal;max-width:min(340px,80vw);overflow-wrap:anywhere';
    o.tooltip.backgroundColor = color('bg');
    o.tooltip.borderColor = line;
    o.tooltip.textStyle = { color: color('ink'), fontSize: 13 };
    o.tooltip.axisPointer = { type: 'shadow' };
    o.series.forEach(function (s, i) {
      s.itemStyle = Object.assign({ color: o.color[i] }, s.itemStyle);
      if (s.type === 'bar') { s.barCategoryGap = '20%'; }
      if (s.type === 'line') { s.lineStyle = Object.assign({}, s.lineStyle, { color: o.color[i] }); s.silent = true; }
    });
    return o;
  }

  function draw() {
    if (!window.echarts) { return; }
    live.forEach(function (c) { c.dispose(); });
    live = [];
    document.querySelectorAll('[data-chart]').forEach(function (figure) {
      var entry = charts[figure.getAttribute('data-chart')];
      if (!entry) { return; }
      figure.classList.add('live');
      try {
        var c = window.echarts.init(figure.querySelector('.canvas'), null, { renderer: 'canvas' });
        c.setOption(dressed(entry));
        live.push(c);
      } catch (e) {
        figure.classList.remove('live');
      }
    });
    document.documentElement.setAttribute('data-charts', String(live.length));
  }

  addEventListener('resize', function () { live.forEach(function (c) { c.resize(); }); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);

  var packed = document.getElementById('echarts-gz');
  if (!packed) { draw(); return; }
  if (!window.DecompressionStream) { return; }
  var bytes = Uint8Array.from(atob(packed.textContent.trim()), function (c) { return c.charCodeAt(0); });
  new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text().then(function (text) {
    var script = document.createElement('script');
    script.textContent = text;
    document.head.appendChild(script);
    draw();
  }).catch(function () { /* the static pictures stay */ });
})();
