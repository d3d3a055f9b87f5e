package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// kvEntry is one key of a snapshot.
type kvEntry struct {
	Key   string
	Value []byte
	Flags uint64
}

// kvType marks an entry of the key/value store (Consul, agent/structs/structs.go: KVSRequestType).
const kvType = 2

// snapshotKeys reads the keys out of a snapshot of Consul: a packed archive of meta.json, state.bin and SHA256SUMS, where the state is a header
// and then one entry after the other, each a byte that tells its type and a value of MessagePack (Consul, agent/consul/fsm/snapshot.go). The
// sums are checked as well.
func snapshotKeys(from io.Reader, each func(kvEntry)) error {
	unpacked, err := gzip.NewReader(from)
	if err != nil {
		return fmt.Errorf("the snapshot of Consul cannot be read: %w", err)
	}
	files := tar.NewReader(unpacked)
	sums := map[string]string{}
	var listed []byte
	for {
		file, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the snapshot of Consul cannot be read: %w", err)
		}
		if file.Name == "SHA256SUMS" {
			if listed, err = io.ReadAll(files); err != nil {
				return err
			}
			continue
		}
		digest := sha256.New()
		content := io.TeeReader(files, digest)
		if file.Name == "state.bin" {
			if err := stateKeys(content, each); err != nil {
				return fmt.Errorf("the state in the snapshot of Consul cannot be read: %w", err)
			}
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return err
		}
		sums[file.Name] = hex.EncodeToString(digest.Sum(nil))
	}
	if len(listed) == 0 || sums["state.bin"] == "" {
		return errors.New("the snapshot of Consul is not whole")
	}
	for line := range strings.Lines(string(listed)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name = strings.TrimSpace(name); sums[name] != sum {
			return fmt.Errorf("the snapshot of Consul is damaged: %s is not as it was written", name)
		}
	}
	return nil
}

func stateKeys(from io.Reader, each func(kvEntry)) error {
	source := bufio.NewReaderSize(from, 1<<20)
	decoder := codec.NewDecoder(source, &codec.MsgpackHandle{})
	var header struct{ LastIndex uint64 }
	if err := decoder.Decode(&header); err != nil {
		return err
	}
	for {
		kind, err := source.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if kind != kvType {
			var other any
			if err := decoder.Decode(&other); err != nil {
				return err
			}
			continue
		}
		var entry kvEntry
		if err := decoder.Decode(&entry); err != nil {
			return err
		}
		entry.Value = bytes.Clone(entry.Value)
		each(entry)
	}
}
