package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// index is where the record of each key is: the first ones in memory, those
// beyond in a hash table in a file, which grows when it is half full. It is
// made anew at each start, and the file is gone when it is closed.
type index struct {
	first map[Key]Ref
	path  string
	file  *os.File // nil as long as nothing is in it
	slots uint64   // a power of two
	used  uint64
}

const (
	slotSize   = len(Key{}) + 8
	firstSlots = 1 << 17
	// inMemory is how many keys are held in memory.
	inMemory = 1 << 15
)

func newIndex(path string) *index { return &index{first: map[Key]Ref{}, path: path, slots: firstSlots} }

func create(path string, slots uint64) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the table of the journal: %w", err)
	}
	if err := file.Truncate(int64(slots) * int64(slotSize)); err != nil {
		return nil, errors.Join(fmt.Errorf("making the table of the journal: %w", err), file.Close())
	}
	return file, nil
}

// block is how many slots are read at once.
const block = 8

// find gives the slot of a key, or the empty one where it belongs. A slot
// holds 1 + the reference, so that 0 is an empty one.
func (x *index) find(key Key) (slot, held uint64, err error) {
	at := binary.LittleEndian.Uint64(key[:8]) & (x.slots - 1)
	var buf [block * slotSize]byte
	for {
		n := min(block, x.slots-at)
		part := buf[:n*uint64(slotSize)]
		if _, err := x.file.ReadAt(part, int64(at)*int64(slotSize)); err != nil {
			return 0, 0, fmt.Errorf("reading the table of the journal: %w", err)
		}
		for i := range n {
			each := part[i*uint64(slotSize) : (i+1)*uint64(slotSize)]
			held := binary.LittleEndian.Uint64(each[len(Key{}):])
			if held == 0 || Key(each[:len(Key{})]) == key {
				return at + i, held, nil
			}
		}
		at = (at + n) & (x.slots - 1)
	}
}

func (x *index) get(key Key) (Ref, error) {
	if at, here := x.first[key]; here || x.file == nil {
		return at, nil
	}
	_, held, err := x.find(key)
	if err != nil || held == 0 {
		return 0, err
	}
	return Ref(held - 1), nil
}

func (x *index) put(key Key, at Ref) error {
	if _, here := x.first[key]; here || len(x.first) < inMemory {
		x.first[key] = at
		return nil
	}
	if x.file == nil {
		var err error
		if x.file, err = create(x.path, x.slots); err != nil {
			return err
		}
	}
	slot, held, err := x.find(key)
	if err != nil {
		return err
	}
	if held == 0 {
		if x.used++; x.used > x.slots/2 {
			if err := x.grow(); err != nil {
				return err
			}
			if slot, _, err = x.find(key); err != nil {
				return err
			}
		}
	}
	return x.write(slot, key, uint64(at)+1)
}

func (x *index) write(slot uint64, key Key, held uint64) error {
	var buf [slotSize]byte
	copy(buf[:], key[:])
	binary.LittleEndian.PutUint64(buf[len(key):], held)
	if _, err := x.file.WriteAt(buf[:], int64(slot)*int64(slotSize)); err != nil {
		return fmt.Errorf("writing the table of the journal: %w", err)
	}
	return nil
}

// grow makes a table of twice the size and moves everything there.
func (x *index) grow() error {
	bigger := &index{path: x.path + ".new", slots: 4 * x.slots}
	var err error
	if bigger.file, err = create(bigger.path, bigger.slots); err != nil {
		return err
	}
	var buf [512 * slotSize]byte
	for at := uint64(0); at < x.slots; at += 512 {
		if _, err := x.file.ReadAt(buf[:], int64(at)*int64(slotSize)); err != nil {
			return errors.Join(fmt.Errorf("growing the table of the journal: %w", err), bigger.close())
		}
		for i := range 512 {
			each := buf[i*slotSize : (i+1)*slotSize]
			held := binary.LittleEndian.Uint64(each[len(Key{}):])
			if held == 0 {
				continue
			}
			slot, _, err := bigger.find(Key(each[:len(Key{})]))
			if err == nil {
				err = bigger.write(slot, Key(each[:len(Key{})]), held)
			}
			if err != nil {
				return errors.Join(err, bigger.close())
			}
		}
	}
	before := *x
	x.path, x.file, x.slots = bigger.path, bigger.file, bigger.slots
	return before.close()
}

// close takes the table away.
func (x *index) close() error {
	if x.file == nil {
		return nil
	}
	return errors.Join(x.file.Close(), os.Remove(x.path))
}
