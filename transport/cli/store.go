package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/portable"
	"github.com/chainwright/chainwright/transport/internal/config"
)

type storeCmd struct{ JSON bool }

func (c *storeCmd) takes() []*param {
	return []*param{flag("json", &c.JSON, "", "Print JSON.")}
}

// Run shows what is in the store.
func (c *storeCmd) Run(s *session) error {
	return s.withStore("store", func(p *program, kept store.Durable) error {
		about, err := kept.About(s.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return s.printJSON(&storeInfo{about, milliseconds(about.Latency), p.config.Records.Keep.String(), int64(p.config.Records.MaxBytes)})
		}
		return tellStore(s, p, about)
	})
}

// storeInfo is what is in a store, as the command prints it.
type storeInfo struct {
	*store.Content
	LatencyMS float64 `json:"latency_ms"`
	Keep      string  `json:"keep"`
	MaxBytes  int64   `json:"max_bytes"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func tellStore(s *session, p *program, about *store.Content) error {
	t := table{}
	t.add("store", p.config.ShownStore())
	t.add("server", served(about))
	t.add("schema", fmt.Sprintf("version %d", about.Schema))
	t.add("size", inUnits(about.Bytes))
	runs := thousands(int(about.Runs))
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(about.Statuses)) {
		parts = append(parts, thousands(int(about.Statuses[status]))+" "+status)
	}
	if len(parts) > 0 {
		runs += " (" + listed(parts) + ")"
	}
	t.add("runs", runs)
	if about.Runs > 0 {
		t.add("oldest", about.Oldest.Local().Format(time.DateTime))
		t.add("newest", about.Newest.Local().Format(time.DateTime))
	}
	t.add("kept", retention(&p.config.Records, about.Kind))
	for _, o := range about.Owners {
		seen := "never seen alive"
		if !o.Seen.IsZero() {
			seen = fmt.Sprintf("seen %s ago", took(time.Since(o.Seen)))
		}
		t.add("held", fmt.Sprintf("%s by process %d on %s, %s (%s)", plural(int(o.Runs), "run"), o.PID, cmp.Or(o.Host, "another machine"), seen, o.ID))
	}
	if about.Unowned > 0 {
		t.add("free", plural(int(about.Unowned), "run")+" in progress that no process holds")
	}
	return t.write(s.out)
}

// served describes the database that answers.
func served(about *store.Content) string {
	text := about.Server
	switch about.Pooled {
	case "yes":
		text += ", through a pooler of connections"
	case "no":
		text += ", without a pooler of connections"
	}
	return fmt.Sprintf("%s, answers in %s", text, took(about.Latency))
}

// retention says how long ended runs are kept.
func retention(r *config.Records, kind string) string {
	age, size := "without a limit of age", "without a limit of size"
	if r.Keep > 0 {
		age = fmt.Sprintf("%v after the end of a run (records.keep)", r.Keep)
	}
	switch {
	case kind != "sqlite":
		return age
	case r.MaxBytes > 0:
		size = fmt.Sprintf("at most %s (records.max_bytes)", r.MaxBytes)
	}
	return age + ", " + size
}

// inUnits returns a size in the largest unit that fits.
func inUnits(n int64) string {
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.bytes {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.bytes), u.name)
		}
	}
	return plural(int(n), "byte")
}

// withStore opens the program for a command about a store that is kept.
func (s *session) withStore(command string, do func(*program, store.Durable) error) error {
	p, err := s.openDurable(command, unaudited, unextended)
	if err != nil {
		return err
	}
	kept, ok := p.store.(store.Durable)
	if !ok {
		return finishing(s, p, usage("%s needs a store that is kept; this one is %s", command, p.config.ShownStore()))
	}
	return finishing(s, p, do(p, kept))
}

type backupCmd struct {
	File string
	JSON bool
}

func (c *backupCmd) takes() []*param {
	return []*param{
		arg("file", &c.File, "The new file."),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// Run copies an SQLite store.
func (c *backupCmd) Run(s *session) error {
	return s.withStore("store backup", func(p *program, kept store.Durable) error {
		copier, ok := kept.(interface {
			Backup(ctx context.Context, path string) (int64, error)
		})
		if !ok {
			return usage("a PostgreSQL database is copied with its own tools: pg_dump --format=custom --schema=chainwright --file=%s %q", c.File, p.config.ShownStore()).
				withHint("or write the runs in a form that every store reads: chainwright store export FILE")
		}
		size, err := copier.Backup(s.ctx, c.File)
		if errors.Is(err, fs.ErrExist) {
			return exists(c.File)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return s.printJSON(map[string]any{"file": c.File, "bytes": size})
		}
		fmt.Fprintf(s.out, "%s: a copy of the store, %s; use it with --store sqlite:%s\n", c.File, inUnits(size), c.File)
		return nil
	})
}

func exists(file string) error {
	return usage("%s is there already", file).withHint("name a new file, or remove it first")
}

type exportCmd struct {
	File string
	JSON bool
}

func (c *exportCmd) takes() []*param {
	return []*param{
		arg("file", &c.File, "The new file, or - for stdout."),
		flag("json", &c.JSON, "", "Print JSON, if the runs are not written to stdout."),
	}
}

// Run writes all runs to a file that any store can import.
func (c *exportCmd) Run(s *session) error {
	return s.withStore("store export", func(_ *program, kept store.Durable) error {
		if c.File == "-" {
			done, err := portable.Export(s.ctx, kept, s.out)
			if err == nil {
				fmt.Fprintln(s.err, told(done))
			}
			return err
		}
		done, err := exportTo(s.ctx, kept, c.File)
		switch {
		case errors.Is(err, fs.ErrExist):
			return exists(c.File)
		case err != nil:
			return err
		case c.JSON:
			return s.printJSON(done)
		}
		fmt.Fprintf(s.out, "%s: %s\n", c.File, told(done))
		return nil
	})
}

func told(done *portable.Written) string {
	text := fmt.Sprintf("%s, %s", plural(int(done.Runs), "run"), inUnits(done.Bytes))
	if done.InProgress > 0 {
		text += fmt.Sprintf("; %s in progress: an import marks it as interrupted", plural(int(done.InProgress), "run"))
	}
	return text
}

// exportTo writes a file for the user only. It is complete, or not there.
func exportTo(ctx context.Context, from store.Durable, path string) (done *portable.Written, err error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fs.ErrExist
	}
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("exporting to %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	done, err = portable.Export(ctx, from, draft)
	if err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return nil, err
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return nil, fmt.Errorf("exporting to %s: %w", path, err)
	}
	return done, nil
}

type importCmd struct {
	File string
	JSON bool
}

func (c *importCmd) takes() []*param {
	return []*param{
		arg("file", &c.File, "A file that store export wrote."),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// Run adds the runs of a file to the store.
func (c *importCmd) Run(s *session) error {
	file, err := os.Open(c.File)
	if err != nil {
		return usage("%w", err).withHint("name a file that `chainwright store export` wrote")
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return usage("%s is not a regular file: it is read twice, to check it before anything is written", c.File).withHint("write the export to a file first")
	}
	return s.withStore("store import", func(_ *program, kept store.Durable) error {
		done, err := portable.Import(s.ctx, io.NewSectionReader(file, 0, info.Size()), info.Size(), kept)
		var line *portable.Error
		switch {
		case errors.Is(err, portable.ErrPart), errors.As(err, &line):
			return usage("%s: %w; nothing was imported", c.File, err)
		case err != nil:
			return fmt.Errorf("%w; import the file again: what is there already stays as it is", err)
		case c.JSON:
			return s.printJSON(done)
		}
		for _, each := range []struct {
			n    int64
			what string
		}{
			{done.Added, "added"},
			{done.Continued, "continued: their beginning was there"},
			{done.Same, "there already"},
			{done.Newer, "left as they are: the store has more of them"},
			{done.Differs, "left as they are: the store has another course of them"},
			{done.Driven, "left as they are: they are in progress here"},
		} {
			if each.n > 0 {
				fmt.Fprintf(s.out, "%s %s\n", plural(int(each.n), "run"), each.what)
			}
		}
		if done.Runs == 0 {
			fmt.Fprintln(s.out, "the file has no runs")
		}
		if done.Interrupted > 0 {
			fmt.Fprintf(s.out, "%s in progress when the file was written: an added one is interrupted; no server goes on with it before you retry it\n", plural(int(done.Interrupted), "run"))
		}
		if n := done.SchedulesAdded; n > 0 {
			fmt.Fprintf(s.out, "%s added: one that was enabled is paused, and `chainwright schedules resume TREE` has it fire here\n", plural(int(n), "schedule"))
		}
		if n := done.Schedules - done.SchedulesAdded; n > 0 {
			fmt.Fprintf(s.out, "%s left as they are here\n", plural(int(n), "schedule"))
		}
		if done.KeysLeft > 0 {
			fmt.Fprintf(s.out, "%s without the idempotency key, which another run has\n", plural(int(done.KeysLeft), "run"))
		}
		return nil
	})
}
