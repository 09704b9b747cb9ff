// Package scrape is scrape_executor: a web page as something to read. Pages
// are hostile: their size, the depth of their trees and the work that they
// make are bounded.
package scrape

import (
	"context"
	"embed"

	"golang.org/x/net/html"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/web"
)

//go:embed definition.yaml
var files embed.FS

// New makes scrape_executor. Its connections are pooled by the policy.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), execute)
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
			return nil, web.Invalid("selector", "%s is plain text, in which a selector finds nothing", web.WithoutQuery(got.url))
		}
		out.setContent(got.text, in.MaxChars, got.cut)
		return out, nil
	}
	root, err := got.parse(ctx)
	if err != nil { // nested deeper than the parser goes
		out.Warning = "the page is nested too deep to be read as one; this is its bare text"
		out.setContent(bareText(got.text), in.MaxChars, got.cut)
		return out, nil
	}
	return out, out.read(ctx, root, got, wanted, in)
}

// read fills the output from a page's tree.
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
	content := text(article)
	if in.Format == "markdown" {
		if content, err = markdown(ctx, article); err != nil {
			return executors.Errorf(executors.ExecutionError, "the page can't be written as markdown: %w", err).WithHint("ask for format text")
		}
	}
	out.setContent(content, in.MaxChars, got.cut)
	return nil
}

// setContent gives as many characters as were asked for.
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
