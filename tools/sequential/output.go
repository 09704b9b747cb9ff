package sequential

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chainwright/chainwright/tools/sequential/rows"
)

// output writes the rows of the input again, with what the answers add. It
// reads them a second time: then nobody has to hold those that wait.
type output struct {
	*file
	in    rows.Reader
	out   rows.Writer
	to    *os.File
	row   rows.Row
	done  int
	stale func(string) bool
}

// newOutput begins a file beside the output, which it becomes at the end.
func newOutput(f *file) (*output, error) {
	format, err := rows.FormatOf(f.Output)
	if err != nil {
		return nil, err
	}
	o := &output{file: f}
	if f.again {
		o.stale = o.has
	}
	if o.in, err = rows.Open(f.Input); err != nil {
		return nil, err
	}
	o.to, err = os.OpenFile(f.Output+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, errors.Join(err, o.in.Close())
	}
	if o.out, err = rows.Create(o.to, format, f.shape, f.Keys.names(&f.Params)); err != nil {
		return nil, errors.Join(err, o.abandon())
	}
	return o, nil
}

// has reports whether the row at hand has a member.
func (o *output) has(name string) bool {
	value, err := o.row.Get(name)
	return err == nil && value != nil
}

// write takes the next result.
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
	if err := o.out.Write(&o.row, o.Keys.members(&a, o.stale)); err != nil {
		return fmt.Errorf("writing row %d to %s: %w", o.row.Number, o.Output, err)
	}
	if o.OnProgress != nil {
		o.OnProgress(o.done, o.total, o.report.Counts)
	}
	return nil
}

// finish puts the file in the output's place.
func (o *output) finish() error {
	if o.done < o.total {
		return o.abandon() // the reason is the batch's
	}
	err := errors.Join(o.out.Close(), o.to.Sync(), o.to.Close(), o.in.Close())
	if err == nil {
		err = os.Rename(o.to.Name(), o.Output)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(o.Output), err)
	}
	return nil
}

// abandon takes away what was written. What was paid for is in the journal.
func (o *output) abandon() error {
	return errors.Join(o.to.Close(), os.Remove(o.to.Name()), o.in.Close())
}
