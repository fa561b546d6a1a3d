//go:build soak && linux

package soak

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// These need root: they mount, freeze and copy file systems of their own.

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func mount(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
		t.Skipf("mount %v: %v: %s", args, err, out)
	}
}

func unmount(dir string) {
	for range 50 {
		if err := exec.Command("umount", dir).Run(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Row 17: a disk that is full for three seconds, then has room again.
func TestFullDisk(t *testing.T) {
	asRoot(t)
	dir := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=64k", "burn-soak", dir)
	t.Cleanup(func() { unmount(dir) })
	b := start(t, filepath.Join(dir, "logs"), provider(t))
	l, stop := newLedger(), make(chan struct{})
	clients := l.work(b.addr, "f", 4, stop)
	time.Sleep(3 * time.Second)
	mount(t, "-o", "remount,size=256m", dir)
	time.Sleep(4 * time.Second)
	close(stop)
	clients.Wait()
	b.stop()
	got := read(t, b.dir)
	n := len(l.done)
	fmt.Printf("row 17: disk full and back: %d calls done, %d failed, %d records, %d in gap lines, tokens unaccounted %d, torn %d, bad %d\n",
		n, l.failed.Load(), got.calls, got.gaps, int64(3*n)-got.input, got.torn, got.bad)
	if l.failed.Load() != 0 || got.input != int64(3*n) || got.bad != 0 || got.gaps == 0 {
		t.Error("not what it should be")
	}
}

// small is a file system's size that is quickly copied, in bytes.
const small = 64 << 20

// image makes an ext4 file system in a file and mounts it.
func image(t *testing.T, size int64) (file, dir string) {
	t.Helper()
	base := t.TempDir()
	file, dir = filepath.Join(base, "image"), filepath.Join(base, "mounted")
	must(t, os.Mkdir(dir, 0o700))
	f, err := os.Create(file)
	must(t, err)
	must(t, f.Truncate(size))
	must(t, f.Close())
	if out, err := exec.Command("mkfs.ext4", "-q", file).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v: %s", err, out)
	}
	mount(t, "-o", "loop", file, dir)
	t.Cleanup(func() { unmount(dir) })
	return file, dir
}

// Row 4: the image is copied while the proxy writes, as a power cut would leave
// it, and the copy is read.
func TestPowerCut(t *testing.T) {
	asRoot(t)
	file, dir := image(t, small)
	b := start(t, filepath.Join(dir, "logs"), provider(t), "--rotate-size", "4MB")
	l, stop := newLedger(), make(chan struct{})
	l.pause = 5 * time.Millisecond // the image has 64 MiB
	clients := l.work(b.addr, "p", 2, stop)
	var oldest time.Duration
	read1, torn, bad, readable := 0, 0, 0, 0
	for range *rounds {
		time.Sleep(700 * time.Millisecond)
		cut := time.Now()
		must(t, copyFile(file, file+".cut"))
		mounted := file + ".read"
		must(t, os.MkdirAll(mounted, 0o700))
		if out, err := exec.Command("mount", "-o", "loop", file+".cut", mounted).CombinedOutput(); err != nil {
			t.Errorf("the copy cannot be mounted: %v %s", err, out)
			continue
		}
		got := read(t, filepath.Join(mounted, "logs"))
		unmount(mounted)
		readable++
		l.mu.Lock()
		for name, at := range l.done {
			if at.Before(cut) && got.names[name] == 0 {
				oldest = max(oldest, cut.Sub(at))
			}
		}
		l.mu.Unlock()
		read1, torn, bad = got.calls, torn+got.torn, bad+got.bad
	}
	close(stop)
	clients.Wait()
	b.stop()
	fmt.Printf("row 4: %d of %d power cuts readable, oldest loss %v, torn last lines %d, bad lines %d, %d records in the last copy\n",
		readable, *rounds, oldest.Round(time.Millisecond), torn, bad, read1)
	if bad != 0 || readable != *rounds || oldest > 2*time.Second { // synced each second, by a disk that takes its time
		t.Error("not what it should be")
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// fsfreeze(8), from linux/fs.h.
const (
	fiFreeze = 0xC0045877
	fiThaw   = 0xC0045878
)

func freeze(dir string, request uintptr) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, 0); errno != 0 {
		return errno
	}
	return nil
}

// Row 24: a file system that is frozen for ten seconds.
func TestFrozenDisk(t *testing.T) {
	asRoot(t)
	_, dir := image(t, small)
	b := start(t, filepath.Join(dir, "logs"), provider(t))
	l, stop := newLedger(), make(chan struct{})
	l.pause = time.Millisecond
	clients := l.work(b.addr, "z", 4, stop)
	time.Sleep(2 * time.Second)
	t.Cleanup(func() { _ = freeze(dir, fiThaw) })
	must(t, freeze(dir, fiFreeze))
	l.mu.Lock()
	before := len(l.done)
	l.mu.Unlock()
	time.Sleep(10 * time.Second)
	l.mu.Lock()
	during := len(l.done) - before
	l.mu.Unlock()
	must(t, freeze(dir, fiThaw))
	time.Sleep(2 * time.Second)
	close(stop)
	clients.Wait()
	b.stop()
	got := read(t, b.dir)
	n := len(l.done)
	fmt.Printf("row 24: frozen for 10 s: %d calls in the 2 s before, %d while frozen, %d failed, %d records, %d in gap lines, tokens unaccounted %d\n",
		before, during, l.failed.Load(), got.calls, got.gaps, int64(3*n)-got.input)
	if l.failed.Load() != 0 || got.input != int64(3*n) {
		t.Error("not what it should be")
	}
}
