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
	"github.com/chainwright/chainwright/executors/coding"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/tools/sequential/internal/batch"
	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

// table is a batch in progress.
type table struct {
	tableOptions
	keys   *Keys
	maker  *maker
	params string // what answers depend on, beside the task
	shape  *rows.Shape
	total  int
	report Report
	again  bool // rows may have outputs from before

	reading rows.Options
	journal *batch.Journal
}

// journalSuffix is added to the name of the output.
const journalSuffix = ".journal"

// runTable adds an answer to each row of a file. It continues where an earlier
// start stopped. After a validation_error, or an error with the zero Report, no
// request was sent.
func runTable(ctx context.Context, model Completer, opts tableOptions) (Report, error) {
	opts.Params.complete()
	if opts.Retry == (executors.Retry{}) {
		opts.Retry = patience
	}
	t := &table{tableOptions: opts, keys: opts.settings.keys(), maker: newMaker(model, opts.Params, opts.Meter, opts.Retry)}
	t.maker.redact, t.maker.refusals = opts.Redact, &refusals{}
	form := forms()[opts.Params.Mode]
	t.params = string(plainjson.Must([]any{opts.Params, form.prompt, form.examples}))
	if err := t.scan(); err != nil {
		return Report{}, err
	}
	if err := t.trial(); err != nil {
		return Report{}, err
	}
	j, err := batch.OpenJournal(opts.Output+journalSuffix, t.earlier)
	if err != nil {
		return Report{}, executors.Errorf(executors.ValidationError, "%w", err).WithField("output")
	}
	t.Meter.Add(t.report.Earlier)
	t.journal = j
	if err = t.replaceable(); err == nil {
		err = t.run(ctx, j)
	}
	err = errors.Join(err, j.Close())
	if err != nil && t.report.Counts == (Counts{}) {
		return Report{}, err
	}
	t.report.Usage = t.Meter.Used()
	if _, missing := os.Stat(opts.Output); missing == nil {
		t.report.Output = opts.Output
	}
	return t.report, err
}

// earlier reads an answer of an earlier start.
func (t *table) earlier(data []byte) error {
	var a Answer
	err := json.Unmarshal(data, &a)
	if err == nil && a.Error == "" {
		t.maker.refusals.answered = true
	}
	if err == nil && a.Usage != nil {
		t.report.Earlier = t.report.Earlier.Plus(*a.Usage)
	}
	return err
}

// again returns a function that selects the failures of earlier starts: records
// up to last.
func again(last batch.Ref) func(batch.Ref, []byte) bool {
	return func(ref batch.Ref, data []byte) bool {
		var a Answer
		return ref <= last && json.Unmarshal(data, &a) == nil && a.Error != ""
	}
}

// mostShown is the number of rows that an error names.
const mostShown = 5

// scan reads the input once, to report its problems before the first request.
func (t *table) scan() error {
	if err := t.different(); err != nil {
		return err
	}
	if err := t.read(); err != nil {
		return err
	}
	r, err := rows.Open(t.Input, t.reading)
	if err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("input")
	}
	t.shape = rows.NewShape(r)
	var wrong []string
	wrongs := 0
	err = t.each(r, func(row *rows.Row) error {
		t.total++
		if err := t.shape.Take(row); err != nil {
			return err
		}
		_, reason, err := t.task(row)
		if reason != "" {
			if wrongs++; wrongs <= mostShown {
				wrong = append(wrong, fmt.Sprintf("in row %d it %s", row.Number, reason))
			}
		}
		return err
	}, func(bad *rows.Bad) {
		t.report.Bad++
		if t.OnBad != nil {
			t.OnBad(bad)
		}
	})
	if err = errors.Join(err, r.Close()); err != nil {
		return executors.Errorf(executors.ValidationError, "reading %s: %w", t.Input, err).WithField("input")
	}
	return t.judge(wrong, wrongs)
}

// read sets how the input is read.
func (t *table) read() (err error) {
	if t.reading.Delimiter, err = delimited.Parse(t.Delimiter); err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("delimiter")
	}
	if t.reading.Encoding, err = coding.Of(t.Encoding); err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("encoding").
			WithHint("usual encodings are utf-8, utf-16, latin-1 and windows-1252")
	}
	return nil
}

// judge returns the problems of the input as one error.
func (t *table) judge(wrong []string, wrongs int) error {
	if t.total == 0 {
		return executors.Errorf(executors.ValidationError, "%s has no rows", t.Input).WithField("input")
	}
	if names := t.shape.Names(); !t.shape.Has(t.keys.Task) {
		return executors.Errorf(executors.ValidationError, "no row has the key %q", t.keys.Task).WithField("input_task_key").
			WithHint("its keys are " + shorten.Names(names[:min(len(names), 20)], len(names)))
	}
	if wrongs > 0 {
		if wrongs > mostShown {
			wrong = append(wrong, fmt.Sprintf("and %d more rows", wrongs-mostShown))
		}
		return executors.Errorf(executors.ValidationError, "the task under %q can't be used: %s", t.keys.Task, strings.Join(wrong, "; ")).WithField("input").
			WithHint("no request was sent; fix or remove these rows")
	}
	names := t.keys.names(&t.Params)
	for _, name := range names {
		t.again = t.again || t.shape.Has(name)
	}
	if err := t.keys.check(&t.Params, t.shape.Has); err != nil {
		return err
	}
	return nil
}

// trial writes all rows to nowhere, if that can fail: parquet has values that other
// formats can't store, and encodings and types that the library can't write.
func (t *table) trial() error {
	from, err := rows.FormatOf(t.Input)
	if err != nil {
		return err
	}
	to, err := rows.FormatOf(t.Output)
	if err != nil || from != rows.Parquet && to != rows.Parquet {
		return err
	}
	r, err := rows.Open(t.Input, t.reading)
	if err != nil {
		return err
	}
	w, err := rows.Create(io.Discard, to, t.shape, t.keys.names(&t.Params))
	if err == nil {
		err = t.each(r, func(row *rows.Row) error {
			if err := w.Write(row, nil); err != nil {
				return fmt.Errorf("row %d: %w", row.Number, err)
			}
			return nil
		}, func(*rows.Bad) {})
	}
	if err == nil {
		err = w.Close()
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return executors.Errorf(executors.ValidationError, "%s can't store the rows of %s: %w", t.Output, t.Input, err).WithField("output").
			WithHint("no request was sent; write to another format")
	}
	return nil
}

// different checks that the output has a known format and is not the input.
func (t *table) different() error {
	if _, err := rows.FormatOf(t.Output); err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("output")
	}
	in, err := os.Stat(t.Input)
	if err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("input")
	}
	if out, err := os.Stat(t.Output); err == nil && os.SameFile(in, out) {
		return executors.Errorf(executors.ValidationError, "the output is the input itself: %s", t.Output).WithField("output")
	}
	return nil
}

// each calls fn with each row of a file, and onBad with each that can't be read.
func (t *table) each(r rows.Reader, fn func(*rows.Row) error, onBad func(*rows.Bad)) error {
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

// task returns the task of a row, or the reason why it can't be used.
func (t *table) task(row *rows.Row) (task, reason string, err error) {
	raw, err := row.Get(t.keys.Task)
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

// run does the work that is not in the journal and writes the output.
func (t *table) run(ctx context.Context, j *batch.Journal) error {
	out, err := newOutput(t)
	if err != nil {
		return executors.Errorf(executors.ValidationError, "%w", err).WithField("output")
	}
	tasks, err := rows.Open(t.Input, t.reading)
	if err != nil {
		return errors.Join(err, out.abandon())
	}
	read, row := 0, &rows.Row{}
	opts := batch.Options{
		Workers: t.Workers, Store: j, Do: t.maker.result,
		Next: func() (batch.Item, error) {
			if read == t.total { // what was added since is for the next start
				return batch.Item{}, io.EOF
			}
			if err := next(tasks, row); err != nil {
				return batch.Item{}, err
			}
			read++
			task, reason, err := t.task(row)
			if err == nil && reason != "" {
				err = fmt.Errorf("%s was changed: the task of row %d %s", t.Input, row.Number, reason)
			}
			return batch.Item{Key: keyOf(t.Cache, t.params, task, read), Task: task}, err
		},
		Write: out.write,
	}
	if t.RetryFailed {
		opts.Again = again(j.Last())
	}
	stopped := batch.Run(ctx, opts)
	if err := tasks.Close(); err != nil {
		return errors.Join(stopped, err, out.abandon())
	}
	return errors.Join(stopped, out.finish())
}

// next reads the next row and skips those that can't be read.
func next(r rows.Reader, row *rows.Row) error {
	for {
		err := r.Next(row)
		var bad *rows.Bad
		if err == nil || !errors.As(err, &bad) {
			return err
		}
	}
}
