package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
)

// sure asks the person at the terminal before something is removed. It returns
// false if the person does not agree.
func (s *session) sure(yes bool, question string) (bool, error) {
	if yes {
		return true, nil
	}
	if !s.person() {
		return false, usage("you are asked before anything is removed, and no terminal is attached; nothing was removed").withHint("use --yes").about("--yes")
	}
	said, err := (&asker{s: s}).read(s.ctx, question+" [y/N] ")
	if err != nil {
		return false, err
	}
	if agrees := strings.EqualFold(said, "y") || strings.EqualFold(said, "yes"); agrees {
		return true, nil
	}
	fmt.Fprintln(s.err, "nothing was removed")
	return false, nil
}

// withoutAsking declares the flag --yes of a command that removes something.
func withoutAsking(into *bool) *param {
	return flag("yes", into, "", "Do not ask before removing.").short("y")
}

type removeRunsCmd struct {
	IDs    repeated
	Older  string
	Status string
	Name   string
	Labels repeated
	Yes    bool
	JSON   bool
}

func (c *removeRunsCmd) takes() []*param {
	return []*param{
		args("id", &c.IDs, "The runs' ids, the starts of them, or last.").optional().offering(runIDs),
		flag("older-than", &c.Older, "DURATION", "Remove the ended runs that started longer ago: 12h, 30d, 8w."),
		flag("status", &c.Status, "STATUS", "Remove only runs in this state.").oneOf("completed", "failed", "cancelled"),
		flag("name", &c.Name, "TEXT", "Remove only runs whose name contains it."),
		flag("label", &c.Labels, "KEY=VALUE", "Remove only runs with this label. May be repeated: then with all of them."),
		withoutAsking(&c.Yes),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// Run removes runs that have ended from the store.
func (c *removeRunsCmd) Run(s *session) error {
	labels, err := readLabels(c.Labels)
	if err != nil {
		return err
	}
	filtered := c.Older+c.Status+c.Name != "" || len(labels) > 0
	if len(c.IDs) == 0 && !filtered {
		return usage("name the runs to remove").withHint("chainwright runs rm ID, or --older-than 30d")
	}
	if len(c.IDs) > 0 && filtered {
		return usage("runs are removed by id, or by --older-than, --status, --name and --label; not by both")
	}
	opts := chain.ListOptions{Status: c.Status, Name: c.Name, Labels: labels, Limit: removePage}
	if c.Older != "" {
		age, err := readAge(c.Older)
		if err != nil {
			return err
		}
		opts.Until = time.Now().Add(-age)
	}
	p, err := s.openDurable("runs rm", unaudited, unextended)
	if err != nil {
		return err
	}
	return finishing(s, p, c.remove(s, p, opts))
}

// removePage is how many runs are listed and removed at once.
const removePage = 200

func (c *removeRunsCmd) remove(s *session, p *program, opts chain.ListOptions) error {
	var runs []chain.RunSummary
	var err error
	if len(c.IDs) > 0 {
		runs, err = c.named(s, p)
	} else {
		runs, err = c.matching(s, p, opts)
	}
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		agreed, err := s.sure(c.Yes, c.question(runs))
		if err != nil {
			return err
		}
		if !agreed {
			return quiet(exitFailed)
		}
	}
	removed := []string{}
	for page := range slices.Chunk(runs, removePage) {
		ids := make([]string, len(page))
		for i := range page {
			ids[i] = page[i].RunID
		}
		gone, err := p.store.Remove(s.ctx, ids)
		if err != nil {
			return fmt.Errorf("after %s were removed: %w", plural(len(removed), "run"), err)
		}
		removed = append(removed, gone...)
	}
	return c.tell(s, runs, removed)
}

// named returns the runs that were named. All of them must have ended.
func (c *removeRunsCmd) named(s *session, p *program) (runs []chain.RunSummary, err error) {
	for _, given := range c.IDs {
		id, err := s.runID(p, given)
		if err != nil {
			return nil, err
		}
		view, err := p.runner.Get(s.ctx, id, "", chain.ResultsUpTo(0))
		if err != nil {
			return nil, unknownRun(err)
		}
		if !view.Status.Ended() {
			return nil, usage("run %s is %s: only runs that have ended are removed; nothing was removed", id, strings.ReplaceAll(string(view.Status), "_", " ")).
				withHint("chainwright cancel " + id)
		}
		runs = append(runs, chain.RunSummary{RunID: id, Name: view.Name, Kind: store.KindTree, Status: view.Status, CreatedAt: view.CreatedAt})
		if view.Call {
			runs[len(runs)-1].Name = view.Tasks[0].Executor
		}
	}
	slices.SortFunc(runs, func(a, b chain.RunSummary) int { return cmp.Compare(a.RunID, b.RunID) })
	return slices.CompactFunc(runs, func(a, b chain.RunSummary) bool { return a.RunID == b.RunID }), nil
}

// matching returns the ended runs that the filters select.
func (c *removeRunsCmd) matching(s *session, p *program, opts chain.ListOptions) (runs []chain.RunSummary, err error) {
	for {
		page, next, err := p.runner.List(s.ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if page[i].Status.Ended() {
				runs = append(runs, page[i])
			}
		}
		if next == "" {
			return runs, nil
		}
		opts.Cursor = next
	}
}

func (c *removeRunsCmd) question(runs []chain.RunSummary) string {
	if len(runs) == 1 {
		return fmt.Sprintf("Remove run %s (%s, %s)?", runs[0].RunID, runName(&runs[0]), runs[0].Status)
	}
	oldest, newest := runs[0].CreatedAt, runs[0].CreatedAt
	for i := range runs {
		if at := runs[i].CreatedAt; at.Before(oldest) {
			oldest = at
		} else if at.After(newest) {
			newest = at
		}
	}
	const day = "2006-01-02 15:04"
	return fmt.Sprintf("Remove %s, of %s to %s?", plural(len(runs), "run"), oldest.Local().Format(day), newest.Local().Format(day))
}

// maxRemoved bounds the removed runs that are listed.
const maxRemoved = 20

func (c *removeRunsCmd) tell(s *session, runs []chain.RunSummary, removed []string) error {
	if c.JSON {
		return s.printJSON(map[string]any{"removed": removed})
	}
	if len(runs) == 0 {
		fmt.Fprintln(s.err, "no ended run matches; nothing was removed")
		return nil
	}
	for i := range runs {
		if len(removed) > maxRemoved {
			break
		}
		if run := &runs[i]; slices.Contains(removed, run.RunID) {
			fmt.Fprintf(s.out, "removed %s  %s  %s\n", run.RunID, run.CreatedAt.Local().Format("01-02 15:04"), runName(run))
		}
	}
	fmt.Fprintf(s.out, "%s removed\n", plural(len(removed), "run"))
	if left := len(runs) - len(removed); left > 0 {
		fmt.Fprintf(s.err, "%s left: removed by another process, or started again\n", plural(left, "run"))
	}
	return nil
}

// readAge reads a duration with the units of Go, and with d and w: 30d, 1w12h.
func readAge(text string) (time.Duration, error) {
	wrong := usage("--older-than must be a duration such as 12h, 30d or 8w; got %q", text).about("--older-than")
	rest, age := text, time.Duration(0)
	for _, unit := range []struct {
		name string
		long time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, ok := strings.Cut(rest, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return 0, wrong
		}
		age, rest = age+time.Duration(n)*unit.long, after //nolint:gosec // 16 bits
	}
	if rest == "" && text != "" {
		return age, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || age+more < 0 {
		return 0, wrong
	}
	return age + more, nil
}

type removeTreeCmd struct {
	Name string
	Yes  bool
	JSON bool
}

func (c *removeTreeCmd) takes() []*param {
	return []*param{
		arg("name", &c.Name, "The saved tree's name.").offering(treeNames),
		withoutAsking(&c.Yes),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// Run removes the file of a saved tree. Runs of the tree stay.
func (c *removeTreeCmd) Run(s *session) error {
	p, err := s.open(unaudited, unselected, unextended)
	if err != nil {
		return err
	}
	return finishing(s, p, c.remove(s, p))
}

func (c *removeTreeCmd) remove(s *session, p *program) error {
	if saved := p.tools.SavedTrees(); !slices.Contains(saved, c.Name) {
		return usage("there is no saved tree %q in %s", c.Name, treesFolder(p.config)).withHint(closest(c.Name, saved, "`chainwright trees` lists them"))
	}
	if schedules := p.tools.Schedules(); schedules != nil {
		row, err := p.store.Schedule(s.ctx, c.Name)
		switch {
		case err == nil && row.State != store.ScheduleDisabled:
			return usage("%s has a schedule that is %s; nothing was removed", c.Name, row.State).withHint("chainwright schedules disable " + c.Name)
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	agreed, err := s.sure(c.Yes, fmt.Sprintf("Remove the saved tree %s?", c.Name))
	if err != nil {
		return err
	}
	if !agreed {
		return quiet(exitFailed)
	}
	removed := []string{}
	for _, ending := range []string{".json", ".yaml", ".yml"} {
		file := filepath.Join(treesFolder(p.config), c.Name+ending)
		switch err := os.Remove(file); {
		case err == nil:
			removed = append(removed, file)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("removing the saved tree: %w", err)
		}
	}
	if c.JSON {
		return s.printJSON(map[string]any{"removed": removed})
	}
	for _, file := range removed {
		fmt.Fprintf(s.out, "removed %s\n", file)
	}
	return nil
}
