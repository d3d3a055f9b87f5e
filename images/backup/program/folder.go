package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// folderTarget keeps each set in a folder of its name.
type folderTarget struct {
	root, place, stack string
}

// setID is an id as a set's name.
var setID = regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-f]{4}$`)

// draftPrefix and goingPrefix are of folders that are no sets yet, or no more.
const (
	draftPrefix = ".part-"
	goingPrefix = ".gone-"
)

func (t *folderTarget) String() string { return t.place }

func (t *folderTarget) writable(context.Context) error {
	file, err := os.CreateTemp(t.root, ".probe-")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", t, err)
	}
	_, err = file.Write(make([]byte, 4096))
	err = errors.Join(err, file.Sync(), file.Close(), os.Remove(file.Name()))
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", t, err)
	}
	return nil
}

type folderDraft struct {
	target       *folderTarget
	folder, name string
}

func (t *folderTarget) begin(_ context.Context, id string) (Draft, error) {
	folder := filepath.Join(t.root, draftPrefix+t.stack+"-"+id)
	if _, err := os.Stat(filepath.Join(t.root, id)); err == nil {
		return nil, fmt.Errorf("there is a set %s already", id)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	return &folderDraft{t, folder, id}, nil
}

func (d *folderDraft) create(name string) (io.WriteCloser, error) {
	return createSynced(filepath.Join(d.folder, name))
}

func (d *folderDraft) commit(manifest []byte) error {
	file, err := d.create(manifestName)
	if err != nil {
		return err
	}
	_, err = file.Write(manifest)
	if err := errors.Join(err, file.Close(), syncFolder(d.folder)); err != nil {
		return err
	}
	if err := os.Rename(d.folder, filepath.Join(d.target.root, d.name)); err != nil {
		return err
	}
	return syncFolder(d.target.root)
}

func (d *folderDraft) discard() error { return os.RemoveAll(d.folder) }

// syncedFile is on the disk once it is closed.
type syncedFile struct{ *os.File }

func createSynced(path string) (io.WriteCloser, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return syncedFile{file}, nil
}

func (f syncedFile) Close() error { return errors.Join(f.Sync(), f.File.Close()) }

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func (t *folderTarget) sets(context.Context) ([]string, error) {
	entries, err := os.ReadDir(t.root)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() && setID.MatchString(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (t *folderTarget) open(_ context.Context, name string) (io.ReadCloser, error) {
	file, err := os.Open(filepath.Join(t.root, filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s %w", name, errAbsent)
	}
	return file, err
}

func (t *folderTarget) put(_ context.Context, name string, content io.Reader) error {
	path := filepath.Join(t.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	part := path + ".part"
	file, err := createSynced(part)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func (t *folderTarget) files(_ context.Context, folder string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(filepath.Join(t.root, filepath.FromSlash(folder)), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".part") {
			return err
		}
		name, err := filepath.Rel(t.root, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	slices.Sort(names)
	return names, err
}

func (t *folderTarget) remove(_ context.Context, name string) error {
	err := os.Remove(filepath.Join(t.root, filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (t *folderTarget) removeSet(_ context.Context, id string) error {
	going := filepath.Join(t.root, goingPrefix+t.stack+"-"+id)
	if err := os.Rename(filepath.Join(t.root, id), going); err != nil {
		return err
	}
	return os.RemoveAll(going)
}

func (t *folderTarget) sweep(context.Context) error {
	entries, err := os.ReadDir(t.root)
	if err != nil {
		return err
	}
	var faults []error
	for _, entry := range entries {
		for _, prefix := range []string{draftPrefix, goingPrefix} {
			if id, is := strings.CutPrefix(entry.Name(), prefix+t.stack+"-"); is && setID.MatchString(id) {
				faults = append(faults, os.RemoveAll(filepath.Join(t.root, entry.Name())))
			}
		}
	}
	return errors.Join(faults...)
}
