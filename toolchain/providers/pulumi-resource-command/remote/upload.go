package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
)

// upload is an open SFTP connection for copying to one server.
type upload struct {
	sftp  *sftp.Client
	close func()
}

func openUpload(ctx context.Context, connection *Connection) (*upload, error) {
	client, closeClient, err := connection.dial(ctx)
	if err != nil {
		return nil, err
	}
	sftpClient, err := sftp.NewClient(client, sftp.UseConcurrentWrites(true))
	if err != nil {
		closeClient()
		return nil, fmt.Errorf("starting SFTP: %w", err)
	}
	stop := context.AfterFunc(ctx, closeClient)
	return &upload{sftpClient, func() {
		stop()
		_ = sftpClient.Close()
		closeClient()
	}}, nil
}

// text writes text to the file target.
func (u *upload) text(text, target string) error {
	info, err := u.stat(target)
	if err != nil {
		return err
	}
	if info != nil && info.IsDir() {
		return fmt.Errorf("%s is a directory: the remote path of a text must be that of a file", target)
	}
	if err := u.mkdir(path.Dir(target)); err != nil {
		return err
	}
	return u.write(strings.NewReader(text), target)
}

// path copies the local file or directory source to target:
//
//	source | target is a directory | target does not exist | target is a file
//	file   | target/file           | target                | target, overwritten
//	dir    | target/dir            | target/dir            | an error
//	dir/   | the dir's entries     | the dir's entries     | an error
func (u *upload) path(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	there, err := u.stat(target)
	if err != nil {
		return err
	}
	intoDirectory := there != nil && there.IsDir()
	if !info.IsDir() {
		if intoDirectory {
			target = path.Join(target, filepath.Base(source))
		} else if err := u.mkdir(path.Dir(target)); err != nil {
			return err
		}
		return u.file(source, target)
	}
	if there != nil && !intoDirectory {
		return fmt.Errorf("%s is a file: the directory %s cannot be copied there", target, source)
	}
	if !strings.HasSuffix(source, "/") {
		target = path.Join(target, filepath.Base(source))
	}
	return u.dir(source, target)
}

// dir copies all that is in the local directory source into target.
func (u *upload) dir(source, target string) error {
	return fs.WalkDir(os.DirFS(source), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return u.mkdir(path.Join(target, name))
		default:
			return u.file(filepath.Join(source, filepath.FromSlash(name)), path.Join(target, name))
		}
	})
}

// file copies the local file source to the file target.
func (u *upload) file(source, target string) error {
	local, err := os.Open(source)
	if err != nil {
		return err
	}
	defer local.Close()
	return u.write(local, target)
}

func (u *upload) write(content io.Reader, target string) error {
	remote, err := u.sftp.Create(target)
	if err != nil {
		return fmt.Errorf("creating %s: %w", target, err)
	}
	_, err = remote.ReadFrom(content)
	if err := errors.Join(err, remote.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", target, err)
	}
	return nil
}

// mkdir makes dir and its parents as far as they do not exist.
func (u *upload) mkdir(dir string) error {
	if err := u.sftp.MkdirAll(dir); err != nil {
		return fmt.Errorf("making the directory %s: %w", dir, err)
	}
	return nil
}

// stat returns nil if there is nothing at target.
func (u *upload) stat(target string) (fs.FileInfo, error) {
	info, err := u.sftp.Stat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", target, err)
	}
	return info, nil
}
