package scrape

import (
	"context"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/shorten"
)

// maxNodes is the largest number of nodes that are rendered.
const maxNodes = 100_000

// unread are elements that are not rendered.
var unread = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Template: true, atom.Svg: true, atom.Iframe: true, atom.Object: true, atom.Head: true,
	atom.Embed: true, atom.Canvas: true, atom.Audio: true, atom.Video: true, atom.Math: true, atom.Noframes: true, atom.Noscript: true,
}

// choose returns the parts to render: the matches of the selector, or else the
// only main or article element, or else the body.
func choose(ctx context.Context, root *html.Node, wanted selector) ([]*html.Node, error) {
	if wanted != nil {
		return wanted.find(ctx, root)
	}
	var main, articles, bodies []*html.Node
	for n := range root.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.DataAtom == atom.Main, attribute(n, "role") == "main":
			main = append(main, n)
		case n.DataAtom == atom.Article:
			articles = append(articles, n)
		case n.DataAtom == atom.Body, n.DataAtom == atom.Frameset:
			bodies = append(bodies, n)
		}
	}
	switch {
	case len(main) == 1:
		return main, nil
	case len(articles) == 1:
		return articles, nil
	}
	return bodies[:min(len(bodies), 1)], nil
}

func attribute(n *html.Node, name string) string {
	for _, each := range n.Attr {
		if each.Namespace == "" && each.Key == name {
			return strings.TrimSpace(each.Val)
		}
	}
	return ""
}

// detach moves parts of a page into a tree of their own.
func detach(parts []*html.Node) *html.Node {
	article := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	for _, part := range parts {
		if part.Parent != nil {
			part.Parent.RemoveChild(part)
		}
		holder := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
		holder.AppendChild(part)
		article.AppendChild(holder)
	}
	return article
}

// strip removes elements that are not rendered, and everything after the first
// most characters, to limit the rendering time.
func strip(article *html.Node, most int) {
	nodes := maxNodes
	var visit func(*html.Node)
	visit = func(n *html.Node) {
		for c := n.FirstChild; c != nil; {
			next := c.NextSibling
			nodes--
			switch {
			case most < 0, nodes < 0, c.Type != html.ElementNode && c.Type != html.TextNode,
				c.Type == html.ElementNode && (unread[c.DataAtom] || hidden(c)):
				n.RemoveChild(c)
			case c.Type == html.TextNode:
				c.Data, most = fill(c.Data, most)
			default:
				visit(c)
			}
			c = next
		}
	}
	visit(article)
}

// fill cuts a text to the room and returns the room left. White space does not
// count, up to a limit.
func fill(data string, room int) (string, int) {
	spaces := 2*room + 1000
	for at, r := range data {
		switch {
		case room < 0 || spaces < 0:
			return data[:at], room
		case unicode.IsSpace(r):
			spaces--
		default:
			room--
		}
	}
	return data, room
}

func hidden(n *html.Node) bool {
	for _, each := range n.Attr {
		switch each.Key {
		case "hidden":
			return each.Val != "until-found"
		case "aria-hidden":
			return each.Val == "true" && n.FirstChild == nil
		case "style":
			plain := strings.ReplaceAll(strings.ToLower(each.Val), " ", "")
			return strings.Contains(plain, "display:none") || strings.Contains(plain, "visibility:hidden")
		}
	}
	return false
}

// absolute makes links absolute and removes those that are not web or mail
// addresses.
func absolute(article *html.Node, base *url.URL) {
	for n := range article.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		kept := n.Attr[:0]
		for _, each := range n.Attr {
			if each.Key == "href" || each.Key == "src" {
				if each.Val = resolve(base, each.Val); each.Val == "" {
					continue
				}
			}
			kept = append(kept, each)
		}
		n.Attr = kept
		if n.DataAtom == atom.A && attribute(n, "href") == "" {
			n.Data, n.DataAtom = "span", atom.Span // keep only the text of a link without a target
		}
	}
}

// resolve returns an absolute http, https or mailto URL, or "".
func resolve(base *url.URL, reference string) string {
	const longest = 4096
	if len(reference) > longest {
		return ""
	}
	u, err := web.Resolve(base, strings.TrimSpace(reference))
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return ""
		}
	case "mailto":
	default:
		return ""
	}
	return u.String()
}

const (
	maxLinks    = 100
	maxLinkText = 200
)

type link struct {
	URL  string `json:"url"`
	Text string `json:"text"`
}

// readLinks returns up to maxLinks links of a tree, each URL once.
func readLinks(article *html.Node) []link {
	var links []link
	seen := map[string]bool{}
	for n := range article.Descendants() {
		if n.Type != html.ElementNode || n.DataAtom != atom.A {
			continue
		}
		address := attribute(n, "href")
		if address == "" || seen[address] {
			continue
		}
		seen[address] = true
		links = append(links, link{address, shorten.First(inline(n), maxLinkText)})
		if len(links) == maxLinks {
			break
		}
	}
	return links
}
