package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// measure counts and sums up what goes through.
type measure struct {
	into   io.Writer
	digest hash.Hash
	size   int64
}

func newMeasure(into io.Writer) *measure { return &measure{into: into, digest: sha256.New()} }

func (m *measure) Write(chunk []byte) (int, error) {
	written, err := m.into.Write(chunk)
	m.digest.Write(chunk[:written])
	m.size += int64(written)
	return written, err
}

func (m *measure) sum() string { return hex.EncodeToString(m.digest.Sum(nil)) }

// verify reads a file to the end and compares it with what was noted when it was written. The error goes on behind the name of what the file is of.
func verify(ctx context.Context, target Target, name string, size int64, sum string) error {
	reader, err := target.open(ctx, name)
	if errors.Is(err, errAbsent) {
		return fmt.Errorf("is damaged: %w", err)
	}
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	defer reader.Close()
	read := newMeasure(io.Discard)
	if _, err := io.Copy(read, reader); err != nil {
		return fmt.Errorf("cannot be read: %s: %w", name, err)
	}
	if read.size != size || read.sum() != sum {
		return fmt.Errorf("is damaged: %s has %d bytes with the SHA-256 %s, and was written with %d and %s", name, read.size, read.sum(), size, sum)
	}
	return nil
}
