package usage

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// create opens a new file under a name of its own and writes its start line.
func (w *writer) create() (*logFile, error) {
	for range nameTries {
		w.number++
		now := w.cfg.Now()
		path := filepath.Join(w.cfg.Dir, FileName(now, w.boot, w.number))
		fd, err := w.disk.create(path)
		if errors.Is(err, fs.ErrNotExist) {
			if err := w.disk.mkdir(w.cfg.Dir); err != nil {
				return nil, err
			}
			fd, err = w.disk.create(path)
		}
		if errors.Is(err, fs.ErrExist) {
			continue // a link, a pipe, anything: it is not ours
		}
		if err != nil {
			return nil, err
		}
		f := &logFile{fd: fd, path: path, opened: w.cfg.mono()}
		if err := w.start(f, now); err != nil {
			_ = fd.Close()
			_ = w.disk.remove(path) // or a full disk collects empty files
			return nil, err
		}
		return f, nil
	}
	return nil, fs.ErrExist
}

func (w *writer) start(f *logFile, now time.Time) error {
	r := Record{
		Boot: w.boot, Kind: KindStart, Seq: uint64(w.number), File: w.number,
		TS: now.UnixMilli(), BurnVersion: w.cfg.Version,
	}
	line := r.AppendJSON(nil)
	_, err := f.append(line)
	if err != nil && !f.broken && !noSpace(err) {
		_, err = f.append(line)
	}
	if err != nil {
		return err
	}
	w.stats.files.Add(1)
	w.stats.lines.Add(1)
	w.stats.bytes.Add(int64(len(line)))
	return nil
}

// open makes a new file the current one, or suspends writing.
func (w *writer) open() bool {
	f, err := w.create()
	if err != nil {
		w.stats.writeErrors.Add(1)
		w.suspend(err)
		return false
	}
	w.file = f
	return true
}

// rotate goes on in a new file, or for a while in the old one if none can be
// opened.
func (w *writer) rotate() {
	if w.suspended {
		return
	}
	f, err := w.create()
	if err != nil {
		w.stats.writeErrors.Add(1)
		w.rotateAt = w.ticks + syncTicks
		w.log.Warn("next log file could not be opened, staying with this one", "err", bare(err))
		return
	}
	w.retire(syncJob{file: w.file, close: true})
	w.file = f
}

// abandon leaves the current file for a new one.
func (w *writer) abandon(why string, err error, gone bool) {
	w.log.Warn(why, "file", filepath.Base(w.file.path), "err", bare(err))
	w.retire(syncJob{file: w.file, close: true, gone: gone})
	w.file = nil
	w.open()
}

// inspect looks at the file from outside.
func (w *writer) inspect() {
	c, lost, err := w.file.inspect(w.disk)
	w.stats.lost.Add(lost)
	switch {
	case err != nil: // the next write or sync will tell more
	case c == deleted:
		w.abandon("log file was deleted", nil, true)
	case c == moved:
		w.abandon("log file was moved away", nil, false)
	case c == cut:
		w.abandon("log file was cut short", nil, false)
	}
}

// sync is the syncer's goroutine: a slow fsync holds up no write.
func (w *writer) sync() {
	for j := range w.jobs {
		w.synced <- syncResult{j, j.run(w.disk)}
	}
}

// retire hands a file that is no longer written to the syncer.
func (w *writer) retire(j syncJob) {
	w.retired = append(w.retired, j)
	w.startSync()
}

// startSync gives the syncer, if it is idle, the oldest retired file or else
// the current one.
func (w *writer) startSync() {
	switch {
	case w.syncing:
	case len(w.retired) > 0:
		w.syncing = true
		w.jobs <- w.retired[0]
		w.retired = w.retired[1:]
	case w.file != nil && w.file.unsynced:
		w.syncing = true
		w.file.unsynced = false
		w.jobs <- syncJob{file: w.file}
	}
}

func (w *writer) onSynced(r syncResult) {
	w.syncing = false
	if r.err != nil {
		w.stats.syncErrors.Add(1)
	}
	if r.err != nil && r.job.file == w.file {
		w.abandon("log file could not be synced", r.err, false)
	}
	if len(w.retired) > 0 {
		w.startSync()
	}
}
