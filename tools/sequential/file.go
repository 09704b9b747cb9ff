package sequential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/tools/sequential/batch"
	"github.com/chainwright/chainwright/tools/sequential/journal"
	"github.com/chainwright/chainwright/tools/sequential/rows"
)

// FileOptions say what is done with a file.
type FileOptions struct {
	// Input and Output are files; their suffixes tell the formats. Beside the
	// output stands its journal, OUTPUT.journal.
	Input, Output string
	Keys          Keys
	Params        Params
	// Workers is how many requests are in flight at most.
	Workers int
	// NoCache asks for equal tasks once for each row.
	NoCache bool
	// RetryFailed asks again for what failed in an earlier start.
	RetryFailed bool
	// Retry is how a request is repeated that failed on the way; the zero value
	// is five attempts within about half a minute.
	Retry executors.Retry
	// Meter counts what is spent; required.
	Meter *llm.Meter
	// OnBad hears of each row that can't be read, before anything is asked.
	OnBad func(*rows.Bad)
	// OnProgress hears of each row that is written.
	OnProgress func(done, total int, counts Counts)
}

// Report is how a file went.
type Report struct {
	Counts Counts
	// Bad is how many rows can't be read. They are not in the output.
	Bad int
	// Earlier is what earlier starts took, as the journal has it. What this
	// one took is in the meter, which holds both.
	Earlier llm.Usage
}

// file is a file under way.
type file struct {
	FileOptions
	maker  *maker
	params string // what answers depend on, beside the task
	shape  *rows.Shape
	total  int
	report Report
	again  bool // rows may have outputs from before
}

// RunFile answers the task of each row of a file. It can be started again
// after any end, and takes up where it was. An error of type validation_error
// says that nothing was asked for.
func RunFile(ctx context.Context, asker Asker, opts FileOptions) (Report, error) {
	opts.Params.complete()
	opts.Keys.complete()
	if opts.Retry == (executors.Retry{}) {
		opts.Retry = patience
	}
	f := &file{FileOptions: opts, maker: newMaker(asker, opts.Params, opts.Meter, opts.Retry)}
	form := forms()[opts.Params.Mode]
	f.params = string(encode([]any{opts.Params, form.prompt, form.examples}))
	if err := f.scan(); err != nil {
		return f.report, err
	}
	j, err := journal.Open(opts.Output+".journal", journal.Options{Forget: f.earlier})
	if err != nil {
		return f.report, executors.Errorf(executors.ValidationError, "%w", err).WithField("output")
	}
	f.Meter.Add(f.report.Earlier)
	err = f.run(ctx, j)
	return f.report, errors.Join(err, j.Close())
}

// earlier looks at what the journal has: what it took, and whether it is to be
// asked for again.
func (f *file) earlier(data []byte) bool {
	var a Answer
	if json.Unmarshal(data, &a) != nil {
		return true
	}
	if a.Usage != nil {
		f.report.Earlier = f.report.Earlier.Plus(*a.Usage)
	}
	return f.RetryFailed && a.Error != ""
}

// mostShown is how many rows an error names.
const mostShown = 5

// scan reads the input once, so that what is wrong with it is known before
// anything is asked for.
func (f *file) scan() error {
	if err := f.different(); err != nil {
		return err
	}
	r, err := rows.Open(f.Input)
	if err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("input")
	}
	f.shape = rows.NewShape(r)
	var wrong []string
	wrongs := 0
	err = f.each(r, func(row *rows.Row) error {
		f.total++
		if err := f.shape.Take(row); err != nil {
			return err
		}
		_, reason, err := f.task(row)
		if reason != "" {
			if wrongs++; wrongs <= mostShown {
				wrong = append(wrong, fmt.Sprintf("in row %d it %s", row.Number, reason))
			}
		}
		return err
	}, func(bad *rows.Bad) {
		f.report.Bad++
		if f.OnBad != nil {
			f.OnBad(bad)
		}
	})
	if err = errors.Join(err, r.Close()); err != nil {
		return executors.Errorf(executors.ValidationError, "reading %s: %w", f.Input, err).WithField("input")
	}
	return f.judge(wrong, wrongs)
}

// judge says what is wrong with the input as a whole.
func (f *file) judge(wrong []string, wrongs int) error {
	if f.total == 0 {
		return executors.Errorf(executors.ValidationError, "%s has no rows", f.Input).WithField("input")
	}
	if !f.shape.Has(f.Keys.Task) {
		return executors.Errorf(executors.ValidationError, "no row has the key %q", f.Keys.Task).WithField("input_task_key").
			WithHint("there are " + strings.Join(first(f.shape.Names(), 20), ", "))
	}
	if wrongs > 0 {
		if wrongs > mostShown {
			wrong = append(wrong, fmt.Sprintf("and so in %d more", wrongs-mostShown))
		}
		return executors.Errorf(executors.ValidationError, "the task under %q can't be used: %s", f.Keys.Task, strings.Join(wrong, "; ")).WithField("input").
			WithHint("nothing was asked for; mend these rows or take them out")
	}
	names := f.Keys.names(&f.Params)
	for _, name := range names {
		f.again = f.again || f.shape.Has(name)
	}
	if err := f.Keys.check(&f.Params, f.shape.Has); err != nil {
		return err
	}
	return nil
}

func first(list []string, n int) []string {
	if len(list) > n {
		return append(list[:n:n], "…")
	}
	return list
}

// different holds that the output can be written and is not the input.
func (f *file) different() error {
	if _, err := rows.FormatOf(f.Output); err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("output")
	}
	in, err := os.Stat(f.Input)
	if err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("input")
	}
	if out, err := os.Stat(f.Output); err == nil && os.SameFile(in, out) {
		return executors.Errorf(executors.ValidationError, "the output is the input itself: %s", f.Output).WithField("output")
	}
	return nil
}

// each reads a file to its end.
func (f *file) each(r rows.Reader, fn func(*rows.Row) error, onBad func(*rows.Bad)) error {
	var row rows.Row
	for {
		err := r.Next(&row)
		var bad *rows.Bad
		switch {
		case err == nil:
			if err := fn(&row); err != nil {
				return err
			}
		case errors.Is(err, io.EOF):
			return nil
		case !errors.As(err, &bad):
			return err
		default:
			onBad(bad)
		}
	}
}

// task is that of a row, or the reason why there is none.
func (f *file) task(row *rows.Row) (task, reason string, err error) {
	raw, err := row.Get(f.Keys.Task)
	if err != nil {
		return "", "", err
	}
	isText := len(raw) > 0 && raw[0] == '"'
	if isText {
		if err := json.Unmarshal(raw, &task); err != nil {
			return "", "", err
		}
	}
	return task, badTask(raw != nil, isText, task), nil
}

// run does the batch and puts the output in its place.
func (f *file) run(ctx context.Context, j *journal.Journal) error {
	out, err := newOutput(f)
	if err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("output")
	}
	tasks, err := rows.Open(f.Input)
	if err != nil {
		return errors.Join(err, out.abandon())
	}
	read, row := 0, &rows.Row{}
	stopped := batch.Run(ctx, batch.Options{
		Workers: f.Workers, Store: j, Do: f.maker.result,
		Next: func() (batch.Item, error) {
			if read == f.total { // what was added since is for the next start
				return batch.Item{}, io.EOF
			}
			if err := next(tasks, row); err != nil {
				return batch.Item{}, err
			}
			read++
			task, reason, err := f.task(row)
			if err == nil && reason != "" {
				err = fmt.Errorf("%s was changed: the task of row %d %s", f.Input, row.Number, reason)
			}
			return batch.Item{Key: keyOf(!f.NoCache, f.params, task, read), Task: task}, err
		},
		Write: out.write,
	})
	if err := tasks.Close(); err != nil {
		return errors.Join(stopped, err, out.abandon())
	}
	return errors.Join(stopped, out.finish())
}

// next reads the next row that can be read.
func next(r rows.Reader, row *rows.Row) error {
	for {
		err := r.Next(row)
		var bad *rows.Bad
		if err == nil || !errors.As(err, &bad) {
			return err
		}
	}
}
