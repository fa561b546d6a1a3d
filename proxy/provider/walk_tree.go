package provider

// copy keeps an object whole, without white space and long strings.
func (w *walker) copy(p []byte, i int) int {
	if w.state == inTreeText {
		return w.copyString(p, i)
	}
	j := i
	for j < len(p) && (class[p[j]] == 0 || p[j] == ',' || p[j] == ':') {
		j++
	}
	w.append(p[i:j])
	if j == len(p) {
		return j
	}
	switch class[p[j]] {
	case classQuote:
		w.state, w.odd, w.strAt = inTreeText, false, len(w.tree)
		w.append(p[j : j+1])
		return w.copyString(p, j+1)
	case classOpen:
		w.open++
		w.append(p[j : j+1])
	case classClose:
		w.open--
		w.append(p[j : j+1])
		if w.open == 0 {
			w.tree = w.g.keepTree(w.n.tree, w.tree, w.over)
			w.ended()
		}
	}
	return j + 1
}

func (w *walker) copyString(p []byte, i int) int {
	j := w.quote(p, i)
	seg := p[i:]
	if j > 0 {
		seg = p[i:j]
	}
	if room := stringCap + 1 - (len(w.tree) - w.strAt); len(seg) > room {
		seg = seg[:max(room, 0)]
	}
	w.append(seg)
	if j == 0 {
		return len(p)
	}
	if len(w.tree)-w.strAt > stringCap && !w.over {
		w.tree = append(w.tree[:w.strAt], '"', '"')
	}
	w.state = inTree
	return j
}

func (w *walker) append(b []byte) {
	if len(w.tree)+len(b) > treeCap {
		w.over = true
		return
	}
	w.tree = append(w.tree, b...)
}
