package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The engine deletes the log of a container with the container, and what has not been read by then is gone: of files that Filebeat has not opened, as
// long as its output takes nothing; and of all, when Filebeat is restarted or has other inputs meanwhile. So the keeper has the logs of the
// stack's containers open as well. A link to each is what Filebeat reads in the end, and where it finds the file under the same number.
//
// What the engine rotates away while the container is there is let go, or the limit of a log would be none; but for what Filebeat had open before a
// restart.

// fileNumber is a file's device and its number there.
type fileNumber [2]uint64

type heldFile struct {
	file      *os.File
	container string
	link      string
	// Whether it stays though its name is gone, and whether Filebeat has had it open.
	kept, opened bool
	// What Filebeat had handed on when it had closed the file, and since when that is taken.
	closed bool
	target uint64
	taken  time.Time
}

type held struct {
	folder string
	files  map[fileNumber]*heldFile
	// Files that were let go unread.
	lost int
	// Whether what was there before has been looked at.
	begun bool
}

// Filebeat looks for files once a second.
const lookedFor = 10 * time.Second

func newHeld(folder string) *held { return &held{folder: folder, files: map[fileNumber]*heldFile{}} }

// links are the path of a container's files, for Filebeat.
func (h *held) links(id string) string { return filepath.Join(h.folder, id, "*") }

// look opens what is new, and lets go what is nobody's any more. It knows which files Filebeat has open.
func (h *held) look(root string, containers []container, reading map[fileNumber]openFile) error {
	there := map[string]string{}
	for _, each := range containers {
		there[each.ID] = each.Node
		names, err := filepath.Glob(each.logs(root))
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".gz") {
				continue
			}
			if err := h.open(name, each.ID, filepath.Base(name), false); err != nil {
				return err
			}
		}
	}
	for number, each := range h.files {
		// What was there before the keeper may have been read before it.
		if _, open := reading[number]; open || !h.begun {
			each.opened = true
		}
		if each.kept || !each.isDeleted() {
			continue
		}
		if node, is := there[each.container]; !is {
			each.kept = true
		} else {
			if !each.opened {
				h.lost++
				log.Printf("a log file of %s was rotated away before it was read: its log is too short for how long the output takes nothing", node)
			}
			h.release(number)
		}
	}
	h.begun = true
	return nil
}

// open has a file open from now on; one that goes meanwhile is nobody's.
func (h *held) open(path, container, name string, kept bool) error {
	told, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if known := h.files[numberOf(told)]; known != nil {
		known.kept = known.kept || kept
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	if told, err = file.Stat(); err != nil {
		file.Close()
		return err
	}
	number := numberOf(told)
	each := &heldFile{file: file, container: container, kept: kept}
	each.link = filepath.Join(h.folder, container, fmt.Sprintf("%d-%d-%s", number[0], number[1], name))
	h.files[number] = each
	if err := os.MkdirAll(filepath.Dir(each.link), 0o755); err != nil {
		return err
	}
	_ = os.Remove(each.link)
	return os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()), each.link)
}

// adopt takes over what Filebeat has open though its name is gone, before it is made to close it.
func (h *held) adopt(reading map[fileNumber]openFile, root string) error {
	for _, each := range reading {
		path, deleted := strings.CutSuffix(each.path, " (deleted)")
		rest, inside := strings.CutPrefix(path, root+"/")
		id, name, _ := strings.Cut(rest, "/")
		if !deleted || !inside || name == "" {
			continue
		}
		if err := h.open(each.descriptor, id, name, true); err != nil {
			return err
		}
	}
	return nil
}

// settle lets go what has been shipped: what Filebeat has closed, when everything that it had handed on by then is taken, and it opens it no more.
func (h *held) settle(reading map[fileNumber]openFile, told stats, now time.Time) {
	pipeline := told.Libbeat.Pipeline
	for number, each := range h.files {
		if !each.kept {
			continue
		}
		_, open := reading[number]
		switch {
		case open:
			each.closed = false
		case !each.closed:
			each.closed, each.target, each.taken = true, pipeline.Events.Published, time.Time{}
		case pipeline.Queue.Acked < each.target:
		case each.taken.IsZero():
			each.taken = now
		case now.Sub(each.taken) >= lookedFor:
			h.release(number)
		}
	}
}

// openFile is one that a process has open.
type openFile struct {
	path       string
	descriptor string
}

// openFiles are those of a process below a folder. What Filebeat tells of its files is told under the names that they had when they were opened.
func openFiles(pid int, root string) (map[fileNumber]openFile, error) {
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return nil, err
	}
	all := map[fileNumber]openFile{}
	for _, each := range descriptors {
		path, err := os.Readlink(each)
		if err != nil || !strings.HasPrefix(path, root+"/") {
			continue
		}
		if told, err := os.Stat(each); err == nil {
			all[numberOf(told)] = openFile{path, each}
		}
	}
	return all, nil
}

// restarted tells that Filebeat counts from the beginning.
func (h *held) restarted() {
	for _, each := range h.files {
		each.closed = false
	}
}

// waiting are the files that are kept, and their bytes.
func (h *held) waiting() (files int, bytes int64) {
	for _, each := range h.files {
		if told, err := each.file.Stat(); each.kept && err == nil {
			files, bytes = files+1, bytes+told.Size()
		}
	}
	return files, bytes
}

// of tells whether something of a container is kept.
func (h *held) of(id string) bool {
	for _, each := range h.files {
		if each.container == id {
			return true
		}
	}
	return false
}

func (h *held) release(number fileNumber) {
	each := h.files[number]
	delete(h.files, number)
	_ = os.Remove(each.link)
	_ = os.Remove(filepath.Dir(each.link))
	each.file.Close()
	if each.kept {
		log.Printf("%s is shipped", filepath.Base(each.link))
	}
}

func (f *heldFile) isDeleted() bool {
	told, err := f.file.Stat()
	return err == nil && told.Sys().(*syscall.Stat_t).Nlink == 0
}

func numberOf(told os.FileInfo) fileNumber {
	of := told.Sys().(*syscall.Stat_t)
	return fileNumber{uint64(of.Dev), of.Ino}
}
