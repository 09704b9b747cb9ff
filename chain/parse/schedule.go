package parse

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/cron"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/nearest"
)

// maxJitter is the largest jitter of a schedule.
const maxJitter = time.Hour

// schedule reads the schedule of the tree.
func (p *parser) schedule(v any) {
	if v == nil {
		return
	}
	fields, ok := v.(map[string]any)
	if !ok {
		p.problem(-1, "schedule", chain.CodeWrongType, `{"cron": "0 3 * * *", "timezone": "Europe/Berlin"}`, "must be an object; got %s", describeKind(v))
		return
	}
	p.onlyFields(-1, "schedule", fields, "cron", "timezone", "inputs", "misfire", "overlap", "jitter", "paused")
	s := &chain.Schedule{
		Misfire: p.word("schedule.misfire", fields["misfire"], chain.MisfireSkip, chain.MisfireOnce, chain.MisfireAll),
		Overlap: p.word("schedule.overlap", fields["overlap"], chain.OverlapSkip, chain.OverlapQueue, chain.OverlapAllow),
		Jitter:  p.jitter(fields["jitter"]),
	}
	if v := fields["paused"]; v != nil {
		if s.Paused, ok = v.(bool); !ok {
			p.problem(-1, "schedule.paused", chain.CodeWrongType, "", "must be true or false; got %s", describeKind(v))
		}
	}
	if v := fields["inputs"]; v != nil {
		if s.Inputs, ok = v.(map[string]any); !ok {
			p.problem(-1, "schedule.inputs", chain.CodeWrongType, "the inputs of the runs by name", "must be an object; got %s", describeKind(v))
		}
	}
	s.Times = p.times(fields)
	p.tree.Schedule = s
}

// times reads the cron expression and the time zone.
func (p *parser) times(fields map[string]any) *cron.Times {
	text, zone := p.stringField(-1, "schedule.cron", fields["cron"]), p.stringField(-1, "schedule.timezone", fields["timezone"])
	if fields["cron"] == nil {
		p.problem(-1, "schedule", chain.CodeMissingField, `write when it runs: cron: "0 3 * * *" is every day at 3:00`, "the schedule has no cron")
		text = "@daily" // the time zone is checked all the same
	} else if _, ok := fields["cron"].(string); !ok {
		text = "@daily"
	}
	times, badCron, badZone := cron.Parse(text, zone)
	if badCron != nil {
		p.problem(-1, "schedule.cron", chain.CodeOutOfRange, badCron.Hint, "%s", badCron.Message)
	}
	if badZone != nil {
		p.problem(-1, "schedule.timezone", chain.CodeOutOfRange, badZone.Hint, "%s", badZone.Message)
	}
	if times != nil && times.EitherDay() {
		p.warn(-1, "schedule.cron", chain.CodeEitherDay, "for the first Monday of a month write MON#1 and * for the day of the month",
			"the day of the month and the day of the week are both given: it fires on days that fit either of them")
	}
	return times
}

// word reads one of some words. The first is the default.
func (p *parser) word(path string, v any, words ...string) string {
	if v == nil {
		return words[0]
	}
	word, ok := v.(string)
	switch {
	case !ok:
		p.problem(-1, path, chain.CodeWrongType, "", "must be one of %s; got %s", strings.Join(words, ", "), describeKind(v))
	case !slices.Contains(words, word):
		p.problem(-1, path, chain.CodeOutOfRange, nearest.Hint(word, words), "must be one of %s; got %q", strings.Join(words, ", "), word)
	}
	return word
}

func (p *parser) jitter(v any) time.Duration {
	if v == nil {
		return 0
	}
	n, ok := v.(json.Number)
	if text, isText := v.(string); isText {
		n, ok = inSeconds(text)
	}
	if !ok {
		p.problem(-1, "schedule.jitter", chain.CodeWrongType, `30, "30s" or "5m"`, "must be a number of seconds, or a duration; got %s", describeKind(v))
		return 0
	}
	d, ok := seconds(n)
	if !ok || d > maxJitter {
		p.problem(-1, "schedule.jitter", chain.CodeOutOfRange, "", "must be 0 to %d seconds; got %s", int(maxJitter.Seconds()), n)
		return 0
	}
	return d
}

// scheduleInputs checks the inputs of the schedule against those of the tree.
func (p *parser) scheduleInputs() {
	s := p.tree.Schedule
	if s == nil {
		return
	}
	p.plainInputs("schedule.inputs", s.Inputs)
	if _, err := p.tree.BindInputs(s.Inputs); err != nil {
		path := "schedule." + err.Field
		p.problem(-1, path, chain.CodeInvalidInput, "a run that is started by the schedule gets these inputs", "%s", err.Message)
	}
}

// plainInputs refuses references and the values of secrets in the inputs of a
// schedule.
func (p *parser) plainInputs(path string, v any) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, expr.Mark) {
			p.problemAt(-1, within(path, v, strings.Index(v, expr.Mark), expr.Mark), chain.CodeMisplacedSecret,
				"write references, such as ${{ secrets.NAME }}, in the inputs of the task that uses them", "the inputs of a schedule are plain values: nothing is filled in")
		}
		if p.reg.Policy().RedactString(v) != v {
			p.problem(-1, path, chain.CodeMisplacedSecret, "write ${{ secrets.NAME }} in the inputs of the task that uses it", "holds the value of a secret, which must be in no file of a tree")
		}
	case []any:
		for k, each := range v {
			p.plainInputs(path+"["+strconv.Itoa(k)+"]", each)
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			p.plainInputs(field(path, key), v[key])
		}
	}
}

// foreignSchedule warns of the schedule of a task record, which is ignored.
func (p *parser) foreignSchedule(i int, fields map[string]any) {
	if fields["schedule_enabled"] == false {
		return
	}
	for _, name := range sortedKeys(fields) {
		if strings.HasPrefix(name, "schedule_") && fields[name] != nil {
			p.warn(i, field("", name), chain.CodeIgnored, `give the whole tree a schedule: schedule: {cron: "0 3 * * *"}`, "tasks have no schedule of their own here: %s is ignored", name)
			return
		}
	}
}
