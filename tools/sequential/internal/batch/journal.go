package batch

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain/store/sqlite"
)

// Key identifies a piece of work: a hash of everything its result depends on.
type Key [16]byte

// KeyOf hashes parts. Different lists of parts have different keys.
func KeyOf(parts ...string) Key {
	h := sha256.New()
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])               // never fails
		_, _ = io.WriteString(h, part) // never fails
	}
	var k Key
	copy(k[:], h.Sum(nil))
	return k
}

// Ref identifies a record. Later records have larger numbers; 0 is no record.
type Ref int64

const (
	// longest is the longest record in bytes.
	longest = 64 << 20
	// flushEvery bounds how long a record may not have reached the disk.
	flushEvery = time.Second
	// block is the number of records whose keys are indexed at once. Keys are
	// hashes: indexed one by one, each would change another page.
	block = 1 << 16
)

// Journal is a Store in an SQLite file, so that nothing is paid for twice. It is
// safe for concurrent use.
//
// Append returns once the operating system has the record: a process that is
// killed at any time loses none. The records reach the disk within a second,
// so a power cut loses at most that second and damages nothing. Concurrent
// Appends share one transaction.
type Journal struct {
	db *sql.DB

	mu   sync.Mutex // held while the connection is in use
	conn *sql.Conn
	stmt statements
	last Ref
	// recent has the keys of the records after indexed.
	recent  map[Key]Ref
	indexed Ref
	fault   error // the first failed write; no later one is tried
	dirty   bool  // there are records that may not be on the disk

	queue sync.Mutex
	next  *group // the records of the next transaction
	keys  filter

	stop    chan struct{}
	stopped chan struct{}
}

type statements struct{ begin, insert, index, commit, find, read *sql.Stmt }

// group is the records of one transaction.
type group struct {
	records []record
	first   Ref // of records[0]; the others follow
	err     error
	done    chan struct{} // closed after the commit
}

type record struct {
	key  Key
	data []byte
}

func newGroup() *group { return &group{done: make(chan struct{})} }

// OpenJournal opens a journal and creates it where there is none. It calls visit with
// the data of every record, the oldest first; it is valid during the call only,
// and an error ends OpenJournal. OpenJournal returns ErrNotOurs for a file that is something
// else, ErrEarlier for a journal of an earlier version, and ErrInUse while
// another process has the journal open.
func OpenJournal(path string, visit func(data []byte) error) (*Journal, error) {
	j := &Journal{next: newGroup(), recent: map[Key]Ref{}, stop: make(chan struct{}), stopped: make(chan struct{})}
	err := j.open(path)
	if err == nil {
		err = j.load(visit)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the journal %s: %w", path, err), j.release())
	}
	go j.flush()
	return j, nil
}

func (j *Journal) open(path string) (err error) {
	if err := identify(path); err != nil {
		return err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	// The exclusive lock keeps other processes out until this one ends. Flushing
	// and not each commit waits for the disk.
	j.db, err = sql.Open("sqlite", sqlite.DSN(abs, "busy_timeout(0)", "locking_mode(exclusive)", "synchronous(normal)"))
	if err != nil {
		return err
	}
	j.db.SetMaxOpenConns(1)
	ctx := context.Background()
	if j.conn, err = j.db.Conn(ctx); err != nil {
		return busy(err)
	}
	// WAL comes last: until then the schema is written to the file itself, which
	// identify can read without SQLite.
	for _, statement := range []string{
		"begin immediate",
		fmt.Sprintf("pragma application_id = %d", applicationID),
		"create table if not exists records (id integer primary key, key blob not null, data blob not null)",
		"create table if not exists keys (key blob, id integer, primary key (key, id)) without rowid",
		"create table if not exists notes (name text primary key, note text not null)",
		"commit",
		"pragma journal_mode = wal",
		"pragma cache_size = -8192",
		"pragma wal_autocheckpoint = 16384", // 64 MiB; else commits would wait for the disk
	} {
		if _, err := j.conn.ExecContext(ctx, statement); err != nil {
			return busy(err)
		}
	}
	for to, text := range map[**sql.Stmt]string{
		&j.stmt.begin:  "begin",
		&j.stmt.insert: "insert into records (id, key, data) values (?, ?, ?)",
		&j.stmt.index:  "insert into keys (key, id) select key, id from records where id > ? order by key",
		&j.stmt.commit: "commit",
		&j.stmt.find:   "select coalesce(max(id), 0) from keys where key = ?",
		&j.stmt.read:   "select data from records where id = ?",
	} {
		if *to, err = j.conn.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Last returns the newest record.
func (j *Journal) Last() Ref {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// load reads all records.
func (j *Journal) load(visit func(data []byte) error) error {
	if err := j.conn.QueryRowContext(context.Background(), "select coalesce(max(id), 0) from keys").Scan(&j.indexed); err != nil {
		return err
	}
	rows, err := j.conn.QueryContext(context.Background(), "select id, key, data from records order by id")
	if err != nil {
		return err
	}
	defer rows.Close()
	var key, data sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&j.last, &key, &data); err != nil {
			return err
		}
		if len(key) != len(Key{}) {
			return fmt.Errorf("record %d is damaged", j.last)
		}
		j.keys.add(Key(key))
		if j.last > j.indexed {
			j.recent[Key(key)] = j.last
		}
		if err := visit(data); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Find returns the newest record of a key, 0 where there is none.
func (j *Journal) Find(key Key) (ref Ref, err error) {
	j.queue.Lock()
	may := j.keys.mayHave(key)
	j.queue.Unlock()
	if !may {
		return 0, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if ref, ok := j.recent[key]; ok {
		return ref, nil
	}
	if err := j.stmt.find.QueryRow(key[:]).Scan(&ref); err != nil {
		return 0, fmt.Errorf("reading the journal: %w", err)
	}
	return ref, nil
}

// Read returns the data of a record.
func (j *Journal) Read(ref Ref) (data []byte, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.stmt.read.QueryRow(int64(ref)).Scan(&data); err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	return data, nil
}

// Note returns a note, empty where there is none.
func (j *Journal) Note(name string) (note string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.conn.QueryRowContext(context.Background(), "select coalesce(max(note), '') from notes where name = ?", name).Scan(&note); err != nil {
		return "", fmt.Errorf("reading the journal: %w", err)
	}
	return note, nil
}

// SetNote sets a note.
func (j *Journal) SetNote(name, note string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dirty = true
	if _, err := j.conn.ExecContext(context.Background(), "insert or replace into notes (name, note) values (?, ?)", name, note); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// Append adds a record. The caller with the first record of a transaction
// commits it; records that arrive before it begins join it.
func (j *Journal) Append(key Key, data []byte) (Ref, error) {
	if len(data) > longest {
		return 0, fmt.Errorf("writing the journal: a record may have at most %d bytes; got %d", longest, len(data))
	}
	j.queue.Lock()
	g := j.next
	at := len(g.records)
	g.records = append(g.records, record{key, data})
	j.keys.add(key)
	j.queue.Unlock()
	if at == 0 {
		j.commit(g)
	}
	<-g.done
	if g.err != nil {
		return 0, g.err
	}
	return g.first + Ref(at), nil
}

func (j *Journal) commit(g *group) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue.Lock()
	j.next = newGroup()
	j.queue.Unlock()
	if j.fault == nil {
		g.first = j.last + 1
		if err := j.write(g.records); err != nil {
			j.fault = fmt.Errorf("writing the journal: %w", err)
		} else {
			for i, r := range g.records {
				j.recent[r.key] = g.first + Ref(i)
			}
			j.last, j.dirty = j.last+Ref(len(g.records)), true
			if j.last-j.indexed >= block {
				j.fault = j.index()
			}
		}
	}
	g.err = j.fault
	close(g.done)
}

func (j *Journal) write(records []record) error {
	if _, err := j.stmt.begin.Exec(); err != nil {
		return err
	}
	for i, r := range records {
		if _, err := j.stmt.insert.Exec(int64(j.last)+int64(i)+1, r.key[:], r.data); err != nil {
			_, undo := j.conn.ExecContext(context.Background(), "rollback")
			return errors.Join(err, undo)
		}
	}
	_, err := j.stmt.commit.Exec()
	return err
}

// index adds the keys of the recent records to the index.
func (j *Journal) index() error {
	if _, err := j.stmt.index.Exec(int64(j.indexed)); err != nil {
		return fmt.Errorf("indexing the journal: %w", err)
	}
	clear(j.recent)
	j.indexed = j.last
	return nil
}

// flush moves the records to the disk once a second.
func (j *Journal) flush() {
	defer close(j.stopped)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-tick.C:
			j.mu.Lock()
			if err := j.checkpoint(); err != nil && j.fault == nil {
				j.fault = err
			}
			j.mu.Unlock()
		}
	}
}

func (j *Journal) checkpoint() error {
	if !j.dirty {
		return nil
	}
	j.dirty = false
	if _, err := j.conn.ExecContext(context.Background(), "pragma wal_checkpoint(passive)"); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// Close moves all records to the disk and closes the file.
func (j *Journal) Close() error {
	close(j.stop)
	<-j.stopped
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.checkpoint(), j.release())
}

// release closes the statements too: SQLite keeps a connection, and its lock,
// until the last of them is closed.
func (j *Journal) release() error {
	if j.db == nil {
		return nil
	}
	var all []error
	for _, stmt := range []*sql.Stmt{j.stmt.begin, j.stmt.insert, j.stmt.index, j.stmt.commit, j.stmt.find, j.stmt.read} {
		if stmt != nil {
			all = append(all, stmt.Close())
		}
	}
	if j.conn != nil {
		all = append(all, j.conn.Close())
	}
	return errors.Join(append(all, j.db.Close())...)
}
