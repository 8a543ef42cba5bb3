package host

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	root := fstest.MapFS{
		"proc/1/cmdline":  file("init\x00"),
		"proc/20/cmdline": file("podman\x00run\x00llama-server\x00--host\x00/tmp/l.sock\x00"),
		"proc/21/cmdline": file("conmon\x00"),
		"proc/21/status":  file("PPid:\t1\n"),
		"proc/22/cmdline": file("llama-server\x00--host\x00/tmp/l.sock\x00"),
		"proc/22/status":  file("PPid:\t21\nVmRSS:\t   2048 kB\n"),
		"proc/9/cmdline":  file("cat\x00/tmp/l.sock.old\x00"),
	}
	if pid, err := process(root, "/tmp/l.sock"); pid != 22 || err != nil {
		t.Error(pid, err)
	}
	if _, err := process(root, "/tmp/other.sock"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if n, err := resident(root, 22); n != 2048<<10 || err != nil {
		t.Error(n, err)
	}
	root["sys/class/drm/card1/device/mem_info_vram_used"], root["sys/class/drm/card1/device/mem_info_gtt_used"] = file("1000\n"), file("500\n")
	if n, ok := gpuMemory(root); n != 1500 || !ok {
		t.Error(n, ok)
	}
	if _, ok := gpuMemory(fstest.MapFS{}); ok {
		t.Error("a machine without a GPU says what it holds")
	}
	if _, err := resident(root, 21); err == nil {
		t.Error("a process without memory has some")
	}
}
