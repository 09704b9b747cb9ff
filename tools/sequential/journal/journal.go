// Package journal keeps what a batch has paid for: one record for each
// finished piece of work, in a file that is only appended to.
//
// A record is in the hands of the operating system before Append returns, so
// that the program may be killed at any time and has lost nothing; the disk
// has it a second later. A record that was cut off by a crash is dropped when
// the journal is opened. Where each record is stands in a table beside the
// journal, so that memory doesn't grow with it.
package journal

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"
)

// Key says what was asked: a hash of everything that the answer depends on.
type Key [16]byte

// KeyOf hashes the parts of a question. No two lists of parts have one key.
func KeyOf(parts ...string) Key {
	h := sha256.New()
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])               // a hash takes everything
		_, _ = io.WriteString(h, part) // a hash takes everything
	}
	var k Key
	copy(k[:], h.Sum(nil))
	return k
}

// Ref is where a record is; 0 is nowhere.
type Ref int64

const (
	magic = "chainwright journal 1\n"
	// A record is its length, a checksum of the rest, the key and the data.
	headSize = 4 + 4 + len(Key{})
	// longest is the longest record that is read; a longer one is damage.
	longest = 64 << 20
	// linger is how long a record may wait for the disk.
	linger = time.Second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrNotOurs is the error of a file that is no journal.
var ErrNotOurs = errors.New("it is there and is no journal of a batch")

// Options say how a journal is opened.
type Options struct {
	// Forget, where set, leaves out the records that it says so of: they will
	// be asked for again.
	Forget func(data []byte) bool
}

// Journal is safe for concurrent use. One process at a time has it open.
type Journal struct {
	file  *os.File
	index *index

	mu    sync.Mutex
	end   int64
	buf   []byte
	fault error // after a write that failed nothing more is taken
	dirty bool

	stop    chan struct{}
	stopped chan struct{}
}

// Open opens a journal, and makes it where there is none. What was cut off at
// its end is dropped.
func Open(path string, opts Options) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j := &Journal{file: file, stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := j.open(path, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the journal %s: %w", path, err), j.release())
	}
	go j.sync()
	return j, nil
}

func (j *Journal) open(path string, opts Options) error {
	if err := lock(j.file); err != nil {
		return fmt.Errorf("another process has it open: %w", err)
	}
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	j.index = newIndex(path + ".index")
	if info.Size() < int64(len(magic)) {
		if err := j.begin(info.Size()); err != nil {
			return err
		}
	}
	if err := j.load(opts); err != nil {
		return err
	}
	return j.file.Truncate(j.end)
}

// begin writes the head of a new journal, also over one that was cut off.
func (j *Journal) begin(size int64) error {
	head := make([]byte, size)
	if _, err := j.file.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	if string(head) != magic[:size] {
		return ErrNotOurs
	}
	_, err := j.file.WriteAt([]byte(magic), 0)
	return err
}

// load reads all records up to the first that is not whole.
func (j *Journal) load(opts Options) error {
	r := bufio.NewReaderSize(io.NewSectionReader(j.file, 0, 1<<62), 256<<10)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != magic {
		return ErrNotOurs
	}
	j.end = int64(len(magic))
	var data []byte
	for {
		key, record, ok := next(r, data)
		if !ok {
			return nil
		}
		data = record
		at := Ref(j.end)
		if opts.Forget != nil && opts.Forget(record) {
			at = 0
		}
		if err := j.index.put(key, at); err != nil {
			return err
		}
		j.end += int64(headSize + len(record))
	}
}

// next reads one record into a buffer that it may grow.
func next(r io.Reader, data []byte) (Key, []byte, bool) {
	var head [headSize]byte
	var key Key
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return key, data, false
	}
	size := binary.LittleEndian.Uint32(head[:4])
	if size > longest {
		return key, data, false
	}
	if uint32(cap(data)) < size {
		data = make([]byte, size)
	}
	data = data[:size]
	if _, err := io.ReadFull(r, data); err != nil {
		return key, data, false
	}
	copy(key[:], head[8:])
	return key, data, sum(key, data) == binary.LittleEndian.Uint32(head[4:8])
}

func sum(key Key, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(key[:], castagnoli), castagnoli, data)
}

// Append adds a record. Of two with one key the later counts.
func (j *Journal) Append(key Key, data []byte) (Ref, error) {
	if len(data) > longest {
		return 0, fmt.Errorf("writing the journal: a record of %d bytes is too long", len(data))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fault != nil {
		return 0, j.fault
	}
	j.buf = binary.LittleEndian.AppendUint32(j.buf[:0], uint32(len(data)))
	j.buf = binary.LittleEndian.AppendUint32(j.buf, sum(key, data))
	j.buf = append(append(j.buf, key[:]...), data...)
	if _, err := j.file.WriteAt(j.buf, j.end); err != nil {
		j.fault = fmt.Errorf("writing the journal: %w", err)
		return 0, j.fault
	}
	at := Ref(j.end)
	j.end += int64(len(j.buf))
	j.dirty = true
	if err := j.index.put(key, at); err != nil {
		j.fault = err
		return 0, err
	}
	return at, nil
}

// Find says where the record of a key is, 0 where there is none.
func (j *Journal) Find(key Key) (Ref, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.index.get(key)
}

// Read gives the data of a record.
func (j *Journal) Read(at Ref) ([]byte, error) {
	var head [headSize]byte
	if _, err := j.file.ReadAt(head[:], int64(at)); err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	size := binary.LittleEndian.Uint32(head[:4])
	if size > longest {
		return nil, errors.New("reading the journal: it was changed by somebody else")
	}
	data := make([]byte, size)
	if _, err := j.file.ReadAt(data, int64(at)+int64(headSize)); err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	if sum(Key(head[8:]), data) != binary.LittleEndian.Uint32(head[4:8]) {
		return nil, errors.New("reading the journal: it was changed by somebody else")
	}
	return data, nil
}

// sync has the disk take what was written, once a second.
func (j *Journal) sync() {
	defer close(j.stopped)
	tick := time.NewTicker(linger)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-tick.C:
			j.mu.Lock()
			dirty := j.dirty
			j.dirty = false
			j.mu.Unlock()
			if !dirty {
				continue
			}
			if err := j.file.Sync(); err != nil {
				j.mu.Lock()
				j.fault = fmt.Errorf("writing the journal: %w", err)
				j.mu.Unlock()
			}
		}
	}
}

// Close has the disk take everything and closes the journal.
func (j *Journal) Close() error {
	close(j.stop)
	<-j.stopped
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.file.Sync()
	return errors.Join(err, j.release())
}

func (j *Journal) release() error {
	if j.index == nil {
		return j.file.Close()
	}
	return errors.Join(j.file.Close(), j.index.close())
}
