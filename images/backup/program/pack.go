package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// pack writes a folder's files into an archive.
func pack(folder string, into *tar.Writer) error {
	return filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == folder {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		head := &tar.Header{Size: info.Size(), Mode: 0o644, Typeflag: tar.TypeReg}
		if entry.IsDir() {
			head = &tar.Header{Mode: 0o755, Typeflag: tar.TypeDir}
		}
		if head.Name, err = filepath.Rel(folder, file); err != nil {
			return err
		}
		if err := into.WriteHeader(head); err != nil || entry.IsDir() {
			return err
		}
		content, err := os.Open(file)
		if err != nil {
			return err
		}
		defer content.Close()
		_, err = io.Copy(into, content)
		return err
	})
}

// unpack writes an archive's files into a folder that is empty; a name that leads out of it is refused.
func unpack(from io.Reader, folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	archive := tar.NewReader(from)
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if head.Typeflag == tar.TypeDir {
			if err := root.Mkdir(head.Name, 0o755); err != nil {
				return err
			}
			continue
		}
		file, err := root.OpenFile(head.Name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, archive)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
}
