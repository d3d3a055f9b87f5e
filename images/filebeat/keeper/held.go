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
// What the engine rotates away while the container is there is let go, or the limit of a log would be none; but for what Filebeat has begun.

// fileNumber is a file's device and its number there.
type fileNumber [2]uint64

type heldFile struct {
	file      *os.File
	container string
	link      string
	// When it was made; zero where the file system does not note it.
	born time.Time
	// Whether it stays though its name is gone, and whether Filebeat has had it open.
	kept, opened bool
	// Whether its name was gone already when it was last looked at.
	gone bool
	// Where its last line ends, once nothing more is written; negative before.
	end int64
}

type held struct {
	folder string
	files  map[fileNumber]*heldFile
	// What is read of the containers: stdout, stderr or all.
	streams map[string]string
	// What Filebeat has noted of files: how far each has been shipped.
	noted func() (map[fileNumber]state, error)
	// Files that were let go unread.
	lost int
}

func newHeld(folder string, noted func() (map[fileNumber]state, error)) *held {
	return &held{folder: folder, files: map[fileNumber]*heldFile{}, streams: map[string]string{}, noted: noted}
}

// links are the path of a container's files, for Filebeat.
func (h *held) links(id string) string { return filepath.Join(h.folder, id, "*") }

// look opens what is new, and lets go what has been shipped or is nobody's any more. It knows the containers that are there, those of them that are
// read, and which files Filebeat has open.
func (h *held) look(root string, there listing, read []container, reading map[fileNumber]openFile) error {
	nodes := map[string]string{}
	for _, each := range read {
		nodes[each.ID], h.streams[each.ID] = each.Node, each.stream
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
	var deleted []fileNumber
	for number, each := range h.files {
		_, isThere := there[each.container]
		_, isRead := nodes[each.container]
		_, isOpen := reading[number]
		each.opened = each.opened || isOpen
		switch {
		case isThere && !isRead:
			h.release(number)
		case each.kept || each.isDeleted():
			deleted = append(deleted, number)
		}
	}
	if len(deleted) == 0 {
		return nil
	}
	states, err := h.noted()
	if err != nil {
		return err
	}
	for _, number := range deleted {
		if err := h.settle(number, nodes, states[number]); err != nil {
			return err
		}
	}
	return nil
}

// settle lets a deleted file go when Filebeat has noted that all of it was taken, whoever has it open; and keeps one that is somebody's.
func (h *held) settle(number fileNumber, nodes map[string]string, noted state) error {
	each := h.files[number]
	// What was noted before the file was made is of another one, which had its number.
	if noted.seen().Before(each.born) {
		noted = state{}
	}
	each.opened = each.opened || noted.Offset > 0
	if each.end < 0 {
		end, err := lastLineEnd(each.file, h.streams[each.container])
		if err != nil {
			return err
		}
		each.end = end
	}
	node, isThere := nodes[each.container]
	switch {
	case noted.Offset >= each.end:
		if each.kept {
			log.Printf("%s is shipped", filepath.Base(each.link))
		}
		h.release(number)
	case !isThere || each.opened:
		each.kept = true
	case !each.gone:
		// The files of a container that is being removed go before its folder.
		each.gone = true
	case !each.kept:
		h.lost++
		log.Printf("a log file of %s was rotated away before it was read: its log is too short for how long the output takes nothing", node)
		h.release(number)
	}
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
	each := &heldFile{file: file, container: container, kept: kept, end: -1}
	each.born, _ = birthTime(file.Fd())
	each.link = filepath.Join(h.folder, container, fmt.Sprintf("%d-%d-%s", number[0], number[1], name))
	h.files[number] = each
	if err := os.MkdirAll(filepath.Dir(each.link), 0o755); err != nil {
		return err
	}
	_ = os.Remove(each.link)
	return os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()), each.link)
}

// adopt takes over what Filebeat has open, before it is made to close it: that is kept when its name goes, and what is gone already at once.
func (h *held) adopt(reading map[fileNumber]openFile, root string) error {
	for number, each := range reading {
		if known := h.files[number]; known != nil {
			known.opened = true
		}
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
	if !h.of(each.container) {
		delete(h.streams, each.container)
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
