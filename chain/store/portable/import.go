package portable

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

const (
	// batchRuns and batchBytes bound what is written in one transaction, unless
	// it is one run.
	batchRuns  = 500
	batchBytes = 8 << 20
)

// Import writes the runs of a file into a store. It checks the whole file before
// it writes anything. What is there already and is not older stays as it is, so
// the same file can be imported again after an interruption. A run that was in
// progress has ended as interrupted, and a schedule that was enabled is paused: a
// person retries the one, and resumes the other.
func Import(ctx context.Context, from io.ReaderAt, size int64, to store.Durable) (*Read, error) {
	about, done, err := check(io.NewSectionReader(from, 0, size))
	if err != nil {
		return nil, err
	}
	im := &importer{ctx: ctx, from: from, size: size, to: to, done: done}
	// The numbers of the file were counted while it was checked.
	in := newLines(io.NewSectionReader(from, 0, size))
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return done, err
		}
		what, raw, err := member(line)
		switch {
		case err != nil:
			return done, &Error{in.number, err}
		case what == "transition":
			im.bytes += int64(len(line))
			continue
		case what == "schedule":
			s, err := readSchedule(raw)
			if err != nil {
				return done, &Error{in.number, err}
			}
			added, err := addSchedule(ctx, to, s)
			if err != nil {
				return done, err
			}
			if added {
				done.SchedulesAdded++
			}
			continue
		case what != "run":
			continue
		}
		run, err := readRun(raw)
		if err != nil {
			return done, &Error{in.number, err}
		}
		if len(im.batch) > 0 && (len(im.batch) >= batchRuns || im.bytes+int64(len(line)) > batchBytes) {
			if err := im.write(); err != nil {
				return done, err
			}
		}
		if run.CompletedAt.IsZero() {
			interrupt(run, about.Exported)
		}
		im.bytes += int64(len(line))
		im.batch = append(im.batch, store.Restoring{Run: run, Transitions: im.transitions(in.offset, in.number)})
	}
	return done, im.write()
}

// interrupt ends a run that was in progress. Its tasks keep their last state.
func interrupt(run *store.Run, at time.Time) {
	run.Status, run.CompletedAt = "failed", at
	if n := run.Counts["in_progress"]; n > 0 {
		delete(run.Counts, "in_progress")
		run.Counts["failed"] += n
	}
	run.Problem = &store.Problem{Type: string(executors.Interrupted), Message: "it was in progress when it was exported from another store",
		Hint: "make sure that it does not go on there, then retry it with retry_run or `chainwright retry`"}
}

// importer writes runs in batches.
type importer struct {
	ctx   context.Context
	from  io.ReaderAt
	size  int64
	to    store.Durable
	done  *Read
	batch []store.Restoring
	bytes int64
}

func (im *importer) write() error {
	if len(im.batch) == 0 {
		return nil
	}
	fates, err := im.to.Restore(im.ctx, im.batch)
	if err != nil {
		return err
	}
	for _, each := range fates {
		im.done.count(each)
	}
	im.batch, im.bytes = im.batch[:0], 0
	return nil
}

// transitions reads those that follow an offset of the file, as often as they are
// ranged over.
func (im *importer) transitions(offset, number int64) iter.Seq2[*store.Transition, error] {
	return func(yield func(*store.Transition, error) bool) {
		in := newLines(io.NewSectionReader(im.from, offset, im.size-offset))
		for {
			line, err := in.next()
			if err == nil {
				var what string
				var raw json.RawMessage
				what, raw, err = member(line)
				if err == nil && what != "transition" {
					return
				}
				var t *store.Transition
				if err == nil {
					t, err = readTransition(raw)
				}
				if err == nil {
					if !yield(t, nil) {
						return
					}
					continue
				}
			}
			yield(nil, &Error{number + in.number, err})
			return
		}
	}
}

// check reads a whole file.
func check(from io.Reader) (*header, *Read, error) {
	in := newLines(from)
	in.hash = sha256.New()
	about, done := &header{}, &Read{}
	last := int64(0)
	for {
		hash := hex.EncodeToString(in.hash.Sum(nil))
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("%w: its last line, which begins with {\"end\", is missing: export again, or copy the file again", ErrPart)
		}
		if err != nil {
			return nil, nil, err
		}
		what, raw, err := member(line)
		if err != nil {
			return nil, nil, &Error{in.number, err}
		}
		switch {
		case in.number == 1:
			if what != "file" || json.Unmarshal(raw, about) != nil || about.Format != format {
				return nil, nil, &Error{1, errors.New("this is not an export of chainwright: its first line must begin with {\"file\":{\"format\":\"" + format + "\"")}
			}
			if about.Version < 1 || about.Version > Version {
				return nil, nil, &Error{1, fmt.Errorf("the format has version %d, and this program reads versions 1 to %d: use a newer program", about.Version, Version)}
			}
		case what == "run":
			run, err := readRun(raw)
			if err != nil {
				return nil, nil, &Error{in.number, err}
			}
			if run.CompletedAt.IsZero() {
				done.Interrupted++
			}
			done.Runs++
			last = 0
		case what == "transition" && done.Runs > 0:
			t, err := readTransition(raw)
			if err == nil && t.Seq <= last {
				err = fmt.Errorf("transition: seq %d follows %d: they must grow", t.Seq, last)
			}
			if err != nil {
				return nil, nil, &Error{in.number, err}
			}
			last = t.Seq
			done.Transitions++
		case what == "schedule" && done.Runs == 0:
			if _, err := readSchedule(raw); err != nil {
				return nil, nil, &Error{in.number, err}
			}
			done.Schedules++
		case what == "end":
			var end trailer
			if err := json.Unmarshal(raw, &end); err != nil {
				return nil, nil, &Error{in.number, err}
			}
			if end.SHA256 != hash || end.Runs != done.Runs || end.Transitions != done.Transitions || end.Schedules != done.Schedules {
				return nil, nil, fmt.Errorf("%w: it has %d runs, %d transitions and %d schedules, and its last line says %d, %d and %d, or a line was changed: export again, or copy the file again",
					ErrPart, done.Runs, done.Transitions, done.Schedules, end.Runs, end.Transitions, end.Schedules)
			}
			if _, err := in.next(); !errors.Is(err, io.EOF) {
				return nil, nil, &Error{in.number, errors.New("there is more after the last line")}
			}
			return about, done, nil
		default:
			return nil, nil, &Error{in.number, fmt.Errorf("%q is not expected here: the file is of a newer program, or was changed", what)}
		}
	}
}

// lines reads lines of any length.
type lines struct {
	in     *bufio.Reader
	hash   hash.Hash // of what was read; nil: none
	line   []byte
	number int64 // of the last line, from 1
	offset int64 // after the last line
}

func newLines(from io.Reader) *lines { return &lines{in: bufio.NewReaderSize(from, 1<<16)} }

// next returns the next line, which is valid until the next call.
func (l *lines) next() ([]byte, error) {
	l.line = l.line[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		l.line = append(l.line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(l.line) > 0 {
			return nil, fmt.Errorf("%w: it ends in the middle of line %d: export again, or copy the file again", ErrPart, l.number+1)
		}
		if err != nil {
			return nil, err
		}
		break
	}
	l.number++
	l.offset += int64(len(l.line))
	if l.hash != nil {
		l.hash.Write(l.line)
	}
	return l.line, nil
}
