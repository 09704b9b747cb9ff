package cli

import (
	"cmp"
	"fmt"
	"io"
)

// write prints a checkup for people.
func (f *checkup) write(out io.Writer) error {
	fmt.Fprintf(out, "chainwright %s, %s, %s/%s\n", f.Version, f.Go, f.OS, f.Arch)
	if c := f.Configuration; c != nil {
		if err := c.write(out); err != nil {
			return err
		}
	}
	if f.Limits != nil { // it has started
		if err := f.writePolicy(out); err != nil {
			return err
		}
		f.writeParts(out)
	}
	return f.writeProblems(out)
}

func (c *configuration) write(out io.Writer) error {
	how := cmp.Or(c.File, "none; defaults are in force")
	if c.Approved {
		how += " (found in the working folder, approved)"
	}
	fmt.Fprintf(out, "\nconfiguration file: %s\n", how)
	if c.Restricts != "" {
		fmt.Fprintf(out, "also in force: %s (found in the working folder, not approved: it can only restrict)\n", c.Restricts)
		for _, each := range c.Ignored {
			fmt.Fprintf(out, "  %s: %s is ignored\n", each.Where, each.Key)
		}
		if len(c.Ignored) > 0 {
			fmt.Fprintln(out, "  review the file and approve it as it is now with `chainwright doctor --approve`, or name it with --config")
		}
	}
	fmt.Fprintf(out, "data folder: %s\n\n", c.DataDir)
	t := table{}
	t.add("SETTING", "FROM", "VALUE")
	for _, entry := range c.Settings {
		t.add(entry.Key, entry.Source, entry.Value)
	}
	if err := t.write(out); err != nil {
		return err
	}
	if c.NowApproved != "" {
		fmt.Fprintf(out, "\napproved %s as it is now; check it with chainwright doctor\n", c.NowApproved)
	}
	return nil
}

// writePolicy prints what callers may do.
func (f *checkup) writePolicy(out io.Writer) error {
	fmt.Fprintf(out, "\npolicy: what callers may do\n")
	t := table{}
	for _, setting := range f.Policy {
		value := setting.Value
		if setting.Opens != "" {
			value += " (" + setting.Opens + ")"
		}
		t.add("  "+setting.Name, value)
	}
	if err := t.write(out); err != nil {
		return err
	}
	if len(f.Tokens) > 0 {
		fmt.Fprintln(out, "\nnamed tokens for HTTP")
		t := table{}
		t.add("  NAME", "PRINCIPAL", "SCOPES")
		for _, each := range f.Tokens {
			t.add("  "+each.Name, each.Principal, cmp.Or(listed(each.Scopes), "everything"))
		}
		if err := t.write(out); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "\nshared limits:")
	t = table{}
	t.add("  requests over HTTP", f.Limits.HTTP)
	t.add("  requests on stdio", f.Limits.Stdio)
	kept := "off"
	if trail := f.Limits.Audit; trail != nil {
		kept = fmt.Sprintf("%.1f of %d MiB are used; a line stays for at least %d days; without room, calls that change something are refused",
			float64(trail.UsedBytes)/(1<<20), trail.MostBytes>>20, trail.RetainDays)
	}
	t.add("  kept audit trail", kept)
	return t.write(out)
}

// writeParts prints what executors, models and the store are, and what they
// answered.
func (f *checkup) writeParts(out io.Writer) {
	if f.OAuth != nil {
		f.OAuth.write(out)
	}
	if len(f.Databases) > 0 { // an unapproved file may name them, and the server may be away
		fmt.Fprintf(out, "\ndatabases: %s\n  doctor does not connect. In read mode, the first call on a connection checks the account and refuses one\n"+
			"  that can do more than a read-only transaction prevents: see Databases in docs/security.md\n", listed(f.Databases))
		if f.Postgres {
			fmt.Fprintln(out, "  PostgreSQL lets a role end its own sessions: give connections that read a role that no application uses")
		}
	}
	fmt.Fprintf(out, "\nout of callers' reach: %s\n", listed(f.Trusted)) // if callers could change any of it, the start would have failed
	if e := f.Executors; e != nil {
		fmt.Fprintf(out, "\nopen executors: %s\n", listed(e.Open))
		if len(e.Closed) > 0 {
			fmt.Fprintf(out, "closed executors: %s (chainwright executors shows the setting that opens each)\n", listed(e.Closed))
		}
	}
	if f.Model != "" {
		fmt.Fprintf(out, "language model: %s\n", f.Model)
	}
	if f.Own != nil {
		fmt.Fprintf(out, "\nyour own executors: %s in %s\n", plural(f.Own.Count, "executor"), f.Own.Folder)
	}
	if st := f.Store; st != nil {
		fmt.Fprintf(out, "\nstore: %s\n", st.URL)
		if st.about != nil {
			fmt.Fprintf(out, "  %s; schema version %d, %s, %s; see chainwright store\n", served(st.about), st.Schema, plural(int(*st.Runs), "run"), inUnits(*st.Bytes))
		}
	}
	f.writeEngine(out)
	if s := f.Schedules; s != nil {
		fmt.Fprintf(out, "schedules: %d enabled, %d paused, %d not enabled", s.Enabled, s.Paused, s.NotEnabled)
		if s.Fired {
			fmt.Fprint(out, "; a running process fires them")
		}
		fmt.Fprintln(out)
	}
	f.writeTelemetry(out)
	if f.Published != nil {
		fmt.Fprintf(out, "published: %s, about %s tokens in all (see chainwright tools)\n", plural(f.Published.Tools, "tool"), thousands(f.Published.Tokens))
	}
	if f.Clients != nil {
		fmt.Fprintf(out, "\nclients start the server with: %s\n", f.Clients.Command)
		for _, client := range f.Clients.Files {
			state := "not there yet"
			if client.Exists {
				state = "there"
			}
			fmt.Fprintf(out, "  %-15s %s (%s)\n", client.Client, client.Path, state)
		}
	}
}

func (f *checkup) writeEngine(out io.Writer) {
	e := f.Engine
	if e == nil {
		return
	}
	fmt.Fprintf(out, "engine: %s\n", e.URL)
	if e.Server == "" {
		return
	}
	fmt.Fprintf(out, "  Temporal %s, namespace %s; %s in the task queue %s; %s in progress", e.Server, e.Namespace,
		plural(e.Workers, "worker"), e.Queue, plural(int(e.Runs), "run"))
	if e.OtherBuilds > 0 {
		fmt.Fprintf(out, ", %d of them started by other versions of chainwright, which alone continue them", e.OtherBuilds)
	}
	fmt.Fprintln(out)
}

func (f *checkup) writeProblems(out io.Writer) error {
	if len(f.Problems) == 0 {
		if f.Limits != nil {
			fmt.Fprintln(out, "\nno problems found")
		}
		return nil
	}
	part := f.Problems[0].Part
	if f.Limits == nil {
		fmt.Fprintf(out, "\nproblems in the %s:\n", part)
	} else {
		fmt.Fprintln(out, "\nproblems:")
	}
	for i := range f.Problems {
		if _, err := fmt.Fprintf(out, "  %s\n", f.Problems[i].text()); err != nil {
			return err
		}
	}
	if hint := f.Problems[0].Hint; f.Limits == nil && hint != "" {
		fmt.Fprintf(out, "  hint: %s\n", hint)
	}
	return nil
}
