// Package scrape implements scrape_executor. It is not a stable API.
// The executor returns a web page as text. Pages are not trusted: their size, the
// depth of their trees and the processing time are limited.
package scrape

import (
	"context"
	"embed"

	"golang.org/x/net/html"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
)

//go:embed definition.yaml
var files embed.FS

// New returns scrape_executor. The policy pools its connections.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), execute, check)
}

// check returns the error of a literal selector.
func check(inputs map[string]any) []*executors.Error {
	if text, ok := inputs["selector"].(string); ok && text != "" {
		if _, err := parseSelector(text); err != nil {
			return []*executors.Error{executors.AsError(err)}
		}
	}
	return nil
}

type input struct {
	URL             string `json:"url"`
	MaxChars        int    `json:"max_chars"`
	ExtractMetadata bool   `json:"extract_metadata"`
	Selector        string `json:"selector"`
	Format          string `json:"format"`
}

type output struct {
	Content   string            `json:"content"`
	Title     string            `json:"title"`
	URL       string            `json:"url"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Links     []link            `json:"links,omitempty"`
	Truncated bool              `json:"truncated,omitempty"`
	Warning   string            `json:"warning,omitempty"`
}

func execute(ctx context.Context, call *executors.Call, in input) (*output, error) {
	target, err := web.CheckURL(call.Policy, in.URL)
	if err != nil {
		return nil, err
	}
	var wanted selector
	if in.Selector != "" {
		if wanted, err = parseSelector(in.Selector); err != nil {
			return nil, err
		}
	}
	got, err := fetch(ctx, call.Policy, target)
	if err != nil {
		return nil, err
	}
	out := &output{URL: got.url.String(), Warning: got.warning}
	if !got.html {
		if in.Selector != "" {
			return nil, web.Invalid("selector", "%s is plain text: selector needs an HTML page", web.WithoutQuery(got.url))
		}
		out.setContent(got.text, in.MaxChars, got.cut)
		return out, nil
	}
	root, err := got.parse(ctx)
	if err != nil { // nested deeper than the parser supports
		out.Warning = "the page is nested too deeply to be parsed; the content is its bare text"
		out.setContent(bareText(got.text), in.MaxChars, got.cut)
		return out, nil
	}
	return out, out.read(ctx, root, got, wanted, in)
}

// read sets the output from the tree of a page.
func (out *output) read(ctx context.Context, root *html.Node, got *page, wanted selector, in input) error {
	meta := readMeta(root, got.url)
	out.Title = meta.title
	if in.ExtractMetadata {
		out.Metadata = meta.values
	}
	parts, err := choose(ctx, root, wanted)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		return executors.Errorf(executors.NotFound, "nothing on %s matches the selector", web.WithoutQuery(got.url)).WithField("selector")
	}
	article := detach(parts)
	strip(article, in.MaxChars)
	absolute(article, meta.base)
	if in.ExtractMetadata {
		out.Links = readLinks(article)
	}
	new(tables).prepare(article)
	content := text(article)
	if in.Format == "markdown" {
		if content, err = markdown(ctx, article); err != nil {
			return executors.Errorf(executors.ExecutionError, "converting the page to markdown failed: %w", err).WithHint("use format text")
		}
	}
	out.setContent(content, in.MaxChars, got.cut)
	return nil
}

// setContent sets the content, cut to most characters.
func (out *output) setContent(content string, most int, cut bool) {
	content = clean(content)
	out.Content, out.Truncated = content, cut
	count := 0
	for at := range content {
		if count == most {
			out.Content, out.Truncated = content[:at], true
			return
		}
		count++
	}
}
