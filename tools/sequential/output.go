package sequential

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

// output writes the rows of the input with the answers added. It reads the
// input a second time, so that no row is kept in memory while it waits.
type output struct {
	*table
	in    rows.Reader
	out   rows.Writer
	to    *os.File
	row   rows.Row
	done  int
	stale func(string) bool
}

// newOutput opens OUTPUT.part, which finish renames.
func newOutput(t *table) (*output, error) {
	format, err := rows.FormatOf(t.Output)
	if err != nil {
		return nil, err
	}
	o := &output{table: t}
	if t.again {
		o.stale = o.has
	}
	if o.in, err = rows.Open(t.Input, t.reading); err != nil {
		return nil, err
	}
	o.to, err = os.OpenFile(t.Output+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, errors.Join(err, o.in.Close())
	}
	if o.out, err = rows.Create(o.to, format, t.shape, t.keys.names(&t.Params)); err != nil {
		return nil, errors.Join(err, o.abandon())
	}
	return o, nil
}

// has reports whether the current row has a member.
func (o *output) has(name string) bool {
	value, err := o.row.Get(name)
	return err == nil && value != nil
}

// write writes the next row with its result; nil means that it was not reached.
func (o *output) write(result []byte) error {
	if err := next(o.in, &o.row); err != nil {
		return fmt.Errorf("%s was changed: %w", o.Input, err)
	}
	o.done++
	if result == nil {
		o.report.Counts.Unreached++
		return nil
	}
	var a Answer
	if err := json.Unmarshal(result, &a); err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	o.report.Counts.add(&a)
	if err := o.out.Write(&o.row, o.keys.members(&a, o.stale)); err != nil {
		return fmt.Errorf("writing row %d to %s: %w", o.row.Number, o.Output, err)
	}
	if o.OnProgress != nil {
		o.OnProgress(o.done, o.total, o.report.Counts)
	}
	return nil
}

// finish replaces the output, unless the batch was stopped and the existing
// output has more rows.
func (o *output) finish() error {
	if o.done < o.total {
		return o.abandon() // the batch returns the reason
	}
	if o.report.Counts.Unreached > 0 {
		if before, err := o.before(); err != nil || before > o.report.Counts.OK+o.report.Counts.Failed {
			return errors.Join(err, o.abandon())
		}
	}
	err := errors.Join(o.out.Close(), o.to.Sync(), o.to.Close(), o.in.Close())
	if err == nil {
		err = os.Rename(o.to.Name(), o.Output)
	}
	if err == nil {
		err = o.journal.SetNote(madeWith, o.made())
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(o.Output), err)
	}
	return nil
}

// abandon removes OUTPUT.part. The answers are in the journal.
func (o *output) abandon() error {
	return errors.Join(o.to.Close(), os.Remove(o.to.Name()), o.in.Close())
}
