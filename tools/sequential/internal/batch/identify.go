package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The reasons why a file can't be opened as a journal.
var (
	ErrNotOurs = errors.New("the file exists and is not the journal of a batch: choose another output, or move the file away")
	ErrEarlier = errors.New("an earlier version of this program wrote it, and this one can't read it: finish the batch with that version, or move the file away to start again (you pay for its rows again)")
	ErrInUse   = errors.New("another process has it open: wait until it ends, or choose another output")
)

const (
	// applicationID marks the SQLite file as a journal ("cwj2").
	applicationID = 0x63776a32
	// earlier begins a journal of the first format, which was no SQLite file.
	earlier = "chainwright journal 1\n"

	sqliteMagic = "SQLite format 3\x00"
	idOffset    = 68 // of the application id in the header
	headerSize  = 100
)

// identify makes an empty file, private to the user, where there is none, and
// refuses one that is no journal before SQLite changes it.
func identify(path string) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	head := make([]byte, headerSize)
	n, err := io.ReadFull(file, head)
	head = head[:n]
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case bytes.HasPrefix(head, []byte(earlier)):
		return ErrEarlier
	case n < headerSize, !bytes.HasPrefix(head, []byte(sqliteMagic)), binary.BigEndian.Uint32(head[idOffset:]) != applicationID:
		return ErrNotOurs
	}
	return nil
}

// busy turns SQLite's refusal of a locked file into ErrInUse.
func busy(err error) error {
	var failed *driver.Error
	if errors.As(err, &failed) && failed.Code()&0xff == sqlite3.SQLITE_BUSY {
		return fmt.Errorf("%w (%w)", ErrInUse, err)
	}
	return err
}
