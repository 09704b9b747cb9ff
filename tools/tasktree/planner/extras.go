package planner

import (
	"encoding/json"
	"strings"

	"github.com/chainwright/chainwright/executors/lazyregexp"
)

// What a requirement may say about the plan as a whole.
var (
	timesForm    = lazyregexp.New(`(?i)\bretr(?:y|ies|ying)\b[^.;]*?\b(\d{1,2}|two|three|four|five)\s+times\b`)
	againForm    = lazyregexp.New(`(?i),?\s*(?:and\s+|then\s+)*\bretr(?:y|ies|ying)\b[^.;,]*?\b(?:\d{1,2}|two|three|four|five)\s+times\b(?:\s+(?:if|when|whenever|in case|on)\s+(?:(?:it|they|that|this|one|any|either|a request|the request|the call)\s+(?:of them\s+)?)?(?:fails?|failures?|errors?|breaks?))?`)
	atATimeForm  = lazyregexp.New(`(?i)\b(\d{1,3}|two|three|four|five|ten)\s+at\s+a\s+time\b`)
	lastingForm  = lazyregexp.New(`(?i)\b(?:ignore|ignoring|despite|regardless of|tolerate)\s+(?:any\s+|all\s+)?(?:errors|failures)\b`)
	scheduleForm = lazyregexp.New(`(?i)\b(?:(?:every|each)\s+(?:\d+\s+)?(?:second|minute|hour|day|night|morning|evening|week|month|monday|tuesday|wednesday|thursday|friday|saturday|sunday)s?|hourly|daily|nightly|weekly|monthly|at midnight|at \d{1,2}\s?(?:am|pm)|cron)\b`)
)

var spelled = map[string]string{"two": "2", "three": "3", "four": "4", "five": "5", "ten": "10"}

func (p *planner) extras(requirement string) {
	if found := timesForm().FindStringSubmatch(requirement); found != nil {
		p.retry = map[string]any{"max_attempts": digits(found[1])}
	}
	if found := atATimeForm().FindStringSubmatch(requirement); found != nil {
		if n := digits(found[1]); n != "0" {
			p.parallel = int(n[0] - '0')
			for _, c := range n[1:] {
				p.parallel = p.parallel*10 + int(c-'0')
			}
		}
	}
	p.lasting = lastingForm().MatchString(requirement)
	if found := scheduleForm().FindString(requirement); found != "" {
		p.warn("not planned: %q: a tree runs once, when it is started; have a scheduler (cron, a timer) run it", found)
	}
}

func digits(text string) json.Number {
	if n, ok := spelled[strings.ToLower(text)]; ok {
		text = n
	}
	text = strings.TrimLeft(text, "0")
	if text == "" {
		text = "1"
	}
	return json.Number(text)
}
