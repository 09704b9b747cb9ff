package scrape

import (
	"context"
	"fmt"
	"strings"

	"github.com/JohannesKaufmann/html-to-markdown/v2/converter"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/base"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/commonmark"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/table"
	"golang.org/x/net/html"
)

// markdown writes a tree as CommonMark with tables.
func markdown(ctx context.Context, article *html.Node) (string, error) {
	conv := converter.NewConverter(converter.WithPlugins(base.NewBasePlugin(), commonmark.NewCommonmarkPlugin(), table.NewTablePlugin()))
	written, err := conv.ConvertNode(article, converter.WithContext(ctx))
	if err != nil {
		return "", fmt.Errorf("converting: %w", err)
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(written), "")), nil
}
