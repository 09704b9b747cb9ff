package reply_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools/sequential/internal/reply"
)

const (
	sub  = "Which airline has the cheapest fare within the budget?"
	comp = "Find the airline with the cheapest fare under $500 for a round trip from New York to London."
)

var form = reply.NewForm("subsequent_task", "composition_task")

// TestForms is a table of the forms in which models have answered.
func TestForms(t *testing.T) {
	t.Parallel()
	multiSub, multiComp := "Which airline has the cheapest fare\nwithin the budget?", "Find the airline\nwith the cheapest fare\nunder $500."
	example := "Task: Find a recipe.\nsubsequent_task: List its ingredients.\ncomposition_task: Find a recipe and list its ingredients.\n\n"
	cases := []struct{ name, text, sub, comp string }{
		{"clean", "subsequent_task: " + sub + "\ncomposition_task: " + comp, "", ""},
		{"trailing newlines", "subsequent_task: " + sub + "\ncomposition_task: " + comp + "\n\n\n", "", ""},
		{"trailing text", "subsequent_task: " + sub + "\ncomposition_task: " + comp + "\n\nI hope this helps! Let me know: more?", "", ""},
		{"text before", "Sure, here it is:\n\nsubsequent_task: " + sub + "\ncomposition_task: " + comp, "", ""},
		{"several lines", "subsequent_task: " + multiSub + "\ncomposition_task: " + multiComp + "\n", multiSub, multiComp},
		{"other order", "composition_task: " + comp + "\nsubsequent_task: " + sub, "", ""},
		{"other order, blank between", "composition_task: " + comp + "\n\nsubsequent_task: " + sub + "\n\nDone.", "", ""},
		{"bold", "**Subsequent Task:** " + sub + "\n**Composition Task:** " + comp, "", ""},
		{"bold, colon outside", "**Subsequent Task**: " + sub + "\n\n**Composition Task**: " + comp, "", ""},
		{"bold values", "**subsequent_task: " + sub + "**\n**composition_task: " + comp + "**", "", ""},
		{"headings", "## Subsequent Task\n" + sub + "\n\n## Composition Task\n" + comp, "", ""},
		{"headings with colon and gap", "### Subsequent task:\n\n" + sub + "\n\n### Composition task:\n\n" + comp, "", ""},
		{"any case", "SubSequent_task: " + sub + "\ncomposition Task: " + comp, "", ""},
		{"no space after the colon", "subsequent_task:" + sub + "\ncomposition_task:" + comp, "", ""},
		{"value on the next line", "subsequent_task:\n" + sub + "\ncomposition_task:\n" + comp, "", ""},
		{"CRLF", "subsequent_task: " + sub + "\r\ncomposition_task: " + comp + "\r\n", "", ""},
		{"CRLF with gaps", "Subsequent Task:\r\n\r\n" + sub + "\r\n\r\nComposition Task:\r\n\r\n" + comp + "\r\n\r\nBye", "", ""},
		{"examples first", strings.Repeat(example, 3) + "subsequent_task: " + sub + "\ncomposition_task: " + comp, "", ""},
		{"examples without gaps", "Task: Find it.\nsubsequent_task: a.\ncomposition_task: b.\nTask: x\nsubsequent_task: " + sub + "\ncomposition_task: " + comp, "", ""},
		{"numbered", "1. Subsequent task: " + sub + "\n2. Composition task: " + comp, "", ""},
		{"numbered with brackets", "1) **subsequent_task**: " + sub + "\n2) **composition_task**: " + comp, "", ""},
		{"a list", "- Subsequent Task: " + sub + "\n- Composition Task: " + comp, "", ""},
		{"a dash", "Subsequent task - " + sub + "\nComposition task - " + comp, "", ""},
		{"a long dash", "Subsequent task — " + sub + "\nComposition task — " + comp, "", ""},
		{"a dash without spaces before", "subsequent_task– " + sub + "\ncomposition_task– " + comp, "", ""},
		{"another script's colon", "subsequent_task：" + sub + "\ncomposition_task：" + comp, "", ""},
		{"in quotes", `subsequent_task: "` + sub + `"` + "\n" + `composition_task: "` + comp + `"`, "", ""},
		{"in curly quotes", "subsequent_task: “" + sub + "”\ncomposition_task: “" + comp + "”", "", ""},
		{"labels in quotes", `"subsequent_task": ` + sub + "\n" + `"composition_task": ` + comp, "", ""},
		{"upper case", "SUBSEQUENT TASK: " + strings.ToUpper(sub) + "\nCOMPOSITION TASK: " + strings.ToUpper(comp), strings.ToUpper(sub), strings.ToUpper(comp)},
		{"think", "<think>subsequent_task: no\ncomposition_task: neither</think>\nsubsequent_task: " + sub + "\ncomposition_task: " + comp, "", ""},
		{"think without a beginning", "hm, subsequent_task: no</think>subsequent_task: " + sub + "\ncomposition_task: " + comp, "", ""},
		{"all in think", "<think>subsequent_task: " + sub + "\ncomposition_task: " + comp + "</think>", "", ""},
		{"think that never ends", "<think>\nsubsequent_task: " + sub + "\ncomposition_task: " + comp, "", ""},
		{"answer", "Thinking about it.\n<answer>\nsubsequent_task: " + sub + "\ncomposition_task: " + comp + "\n</answer> done", "", ""},
		{"think and answer", "<think>x</think><answer>subsequent_task: " + sub + "\ncomposition_task: " + comp + "</answer>", "", ""},
		{"a fence", "```\nsubsequent_task: " + sub + "\ncomposition_task: " + comp + "\n```", "", ""},
		{"a fence with a name and text behind", "Here:\n```text\nsubsequent_task: " + sub + "\ncomposition_task: " + comp + "\n```\nThat is all.", "", ""},
		{"fenced values", "Subsequent task:\n```\n" + sub + "\n```\nComposition task:\n```\n" + comp + "\n```", "", ""},
		{"JSON", fmt.Sprintf(`{"subsequent_task": %q, "composition_task": %q}`, sub, comp), "", ""},
		{"JSON in a fence", fmt.Sprintf("```json\n{\"subsequent_task\": %q,\n \"composition_task\": %q}\n```", sub, comp), "", ""},
		{"JSON with trailing commas", fmt.Sprintf(`{"subsequent_task": %q, "composition_task": %q,}`, sub, comp), "", ""},
		{"JSON in camelCase", fmt.Sprintf(`{"subsequentTask": %q, "compositionTask": %q}`, sub, comp), "", ""},
		{"JSON with words as keys", fmt.Sprintf(`{"Subsequent Task": %q, "COMPOSITION-TASK": %q}`, sub, comp), "", ""},
		{"JSON with text around", fmt.Sprintf("Of course! {\"subsequent_task\": %q, \"composition_task\": %q} Enjoy.", sub, comp), "", ""},
		{"JSON inside JSON", fmt.Sprintf(`{"result": [{"subsequent_task": %q, "composition_task": %q}]}`, sub, comp), "", ""},
		{"JSON examples first", fmt.Sprintf("{\"subsequent_task\": \"a\", \"composition_task\": \"b\"}\n{\"subsequent_task\": %q, \"composition_task\": %q}", sub, comp), "", ""},
		{"JSON without its end", fmt.Sprintf("{\"subsequent_task\": %q, \"composition_task\": %q", sub, comp), "", ""},
		{"JSON in single quotes", "{'subsequent_task': 'Do it.', 'composition_task': 'Do both.'}", "Do it.", "Do both."},
		{"a JSON example, then lines", "{\"subsequent_task\": \"a\", \"composition_task\": \"b\"}\n\nsubsequent_task: " + sub + "\ncomposition_task: " + comp, "", ""},
		{"on one line", "subsequent_task: " + sub + " composition_task: " + comp, "", ""},
		{"braces in a value", "subsequent_task: Fill {name} in.\ncomposition_task: Write it and fill {name} in.", "Fill {name} in.", "Write it and fill {name} in."},
		{"a colon and a dash in a value", "subsequent_task: Note: a-b - c\ncomposition_task: At 10:30 - go", "Note: a-b - c", "At 10:30 - go"},
		{"labels' words in a value", "subsequent_task: Name the composition task of it\ncomposition_task: " + comp, "Name the composition task of it", comp},
		{"quotes inside", `subsequent_task: Say "hi" and "bye"` + "\ncomposition_task: " + comp, `Say "hi" and "bye"`, comp},
		{"another language", "subsequent_task: 预算内最便宜的航空公司是哪家？\ncomposition_task: 查找航班并给出最便宜的航空公司。", "预算内最便宜的航空公司是哪家？", "查找航班并给出最便宜的航空公司。"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantSub, wantComp := c.sub, c.comp
			if wantSub == "" {
				wantSub, wantComp = sub, comp
			}
			got, err := form.Parse(c.text)
			if err != nil {
				t.Fatalf("%v in:\n%s", err, c.text)
			}
			if got[0] != wantSub || got[1] != wantComp {
				t.Errorf("got  %q\n     %q\nwant %q\n     %q", got[0], got[1], wantSub, wantComp)
			}
		})
	}
}

// TestNoAnswer checks that a value is never guessed.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"empty":                          "",
		"white":                          " \n\r\n ",
		"no labels":                      "I can't help with that.",
		"one of two":                     "subsequent_task: " + sub,
		"the other of two":               "composition_task: " + comp,
		"one is empty":                   "subsequent_task:\n\ncomposition_task: " + comp,
		"the last one is empty":          "subsequent_task: " + sub + "\ncomposition_task:",
		"null":                           `{"subsequent_task": null, "composition_task": "b"}`,
		"null as a word":                 "subsequent_task: null\ncomposition_task: None",
		"a list":                         `{"subsequent_task": ["a"], "composition_task": "b"}`,
		"only the examples":              "Example 1:\nsubsequent_task: a\n\nWrite composition_task next",
		"the last answer is cut":         "subsequent_task: a\ncomposition_task: b\n\nsubsequent_task: c",
		"JSON cut in a value":            `{"subsequent_task": "a", "composition_task": "Find the air`,
		"a form that nobody filled":      "subsequent_task: <the task that follows>\ncomposition_task: [both in one]",
		"labels in prose":                "The subsequent task depends on the composition task here.",
		"a fence with nothing in it":     "```\n```",
		"thinking that says it is empty": "<think>hm</think>",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := form.Parse(text)
			var missing *reply.Missing
			if !errors.As(err, &missing) || got != nil {
				t.Errorf("%q gave %q, %v", text, got, err)
			}
		})
	}
}

// TestThreeNames checks that a form can have any number of names.
func TestThreeNames(t *testing.T) {
	t.Parallel()
	three := reply.NewForm("parallel_task", "subsequent_task", "composition_task")
	got, err := three.Parse("**Parallel task:** p\n**Subsequent task:** s\n**Composition task:** c\n\nBye")
	if err != nil || strings.Join(got, "|") != "p|s|c" {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzParse checks that any text returns all values, none of them empty, or no
// value.
func FuzzParse(f *testing.F) {
	f.Add("subsequent_task: a\ncomposition_task: b")
	f.Add("**Subsequent Task:** a\r\n## Composition Task\r\nb")
	f.Add("<think>x</think><answer>1. subsequent_task：a\n2) composition_task - b")
	f.Add("```json\n{\"subsequentTask\": \"a\", \"compositionTask\": \"b\",}\n```")
	f.Add(`{"subsequent_task": "a", "composition_task": {"x": [`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := form.Parse(text)
		if (err == nil) != (len(got) == 2) {
			t.Fatalf("%q gave %q, %v", text, got, err)
		}
		for _, v := range got {
			if strings.TrimSpace(v) == "" {
				t.Errorf("%q gave an empty value: %q", text, got)
			}
		}
		again, _ := form.Parse(text)
		if strings.Join(again, "\x00") != strings.Join(got, "\x00") {
			t.Errorf("%q gave %q, then %q", text, got, again)
		}
	})
}
