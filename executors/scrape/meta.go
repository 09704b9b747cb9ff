package scrape

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	maxMeta      = 40
	maxMetaValue = 1000
)

// plainMeta are the names of meta elements that are returned, in addition to all
// og:, article: and twitter: names.
var plainMeta = map[string]bool{
	"description": true, "keywords": true, "author": true, "generator": true, "robots": true, "date": true, "publisher": true,
}

// meta is the metadata of a page.
type meta struct {
	title  string
	base   *url.URL // base URL of its links
	values map[string]string
}

func readMeta(root *html.Node, at *url.URL) meta {
	m := meta{base: at, values: map[string]string{}}
	based := false
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Namespace != "" {
			continue
		}
		switch n.DataAtom {
		case atom.Html:
			m.set("lang", attribute(n, "lang"))
		case atom.Title:
			if m.title == "" {
				m.title = shorten.First(inline(n), maxMetaValue)
			}
		case atom.Base:
			if u, err := web.Resolve(at, attribute(n, "href")); err == nil && !based && (u.Scheme == "http" || u.Scheme == "https") {
				m.base, based = u, true
			}
		case atom.Link:
			if strings.EqualFold(attribute(n, "rel"), "canonical") {
				m.set("canonical", resolve(m.base, attribute(n, "href")))
			}
		case atom.Meta:
			m.readElement(n)
		}
	}
	if m.title == "" {
		m.title = m.values["og:title"]
	}
	return m
}

func (m *meta) readElement(n *html.Node) {
	name := strings.ToLower(attribute(n, "name"))
	if name == "" {
		name = strings.ToLower(attribute(n, "property"))
	}
	group, _, _ := strings.Cut(name, ":")
	if plainMeta[name] || group != name && (group == "og" || group == "article" || group == "twitter") {
		m.set(name, attribute(n, "content"))
	}
}

// set keeps the first value of a name.
func (m *meta) set(name, value string) {
	value = shorten.First(clean(strings.Join(strings.Fields(value), " ")), maxMetaValue)
	if _, there := m.values[name]; there || value == "" || len(m.values) == maxMeta || len(name) > 100 {
		return
	}
	m.values[name] = value
}
