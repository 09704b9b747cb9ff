package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/app"
)

// TestPage uses the page in Chromium, as testdata/page/page.mjs does it: see
// make test-page.
func TestPage(t *testing.T) {
	modules := os.Getenv("CHAINWRIGHT_TEST_PAGE")
	if modules == "" {
		t.Skip("it takes a browser: make test-page")
	}
	site := servePage(t)
	images := t.TempDir()
	script, err := filepath.Abs("testdata/page/page.mjs")
	if err != nil {
		t.Fatal(err)
	}
	asked, err := json.Marshal(map[string]string{"link": site.link, "large": site.large(t), "images": images, "modules": modules, "chromium": os.Getenv("CHAINWRIGHT_TEST_CHROMIUM")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script, string(asked))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("page.mjs: %v", err)
	}
	if n := keepPictures(t, images); n < 6 {
		t.Errorf("only %d pictures", n)
	}
}

// keepPictures writes the pictures in a folder to docs/images, and returns their
// number. A test calls it at its end, so that a failed one changes no picture.
func keepPictures(t *testing.T, folder string) int {
	t.Helper()
	pictures, err := filepath.Glob(filepath.Join(folder, "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	small := map[string][]byte{}
	for _, name := range pictures {
		small[filepath.Base(name)] = shrink(t, name)
	}
	if t.Failed() {
		return len(pictures)
	}
	for name, picture := range small {
		if err := os.WriteFile(filepath.Join("../../docs/images", name), picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return len(pictures)
}

// site is a server whose page is open to a link.
type site struct {
	server *app.App
	link   string
}

func servePage(t *testing.T) *site {
	t.Helper()
	home := t.TempDir()
	trees := filepath.Join(home, "trees")
	if err := os.Mkdir(trees, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/page/trees/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "FLAG", filepath.Join(home, "flag")))
		if err := os.WriteFile(filepath.Join(trees, filepath.Base(file)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return newSite(t, app.WithStore("sqlite:"+filepath.Join(home, "runs.db")), app.WithDataDir(home), app.WithTrees(trees),
		app.WithPolicy(policy.Config{Command: policy.Command{Shell: true}, RetryUnsafe: true, Confirm: policy.ConfirmDestructive, Audit: policy.Audit{Off: true}}),
		app.WithPageOnly(), app.WithVersion("1.0.0"))
}

// newSite serves until the test ends, and returns the server with its login link.
func newSite(t *testing.T, opts ...app.Option) *site {
	t.Helper()
	links := make(chan string, 1)
	server, err := app.New(t.Context(), append(opts, app.WithLoginLink(func(url string) { links <- url }))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, "127.0.0.1:0") }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &site{server, <-links}
}

// start runs a tree.
func (s *site) start(t *testing.T, text string) string {
	t.Helper()
	tree, report := parse.Parse([]byte(text), s.server.Registry(), parse.Options{})
	if tree == nil {
		t.Fatal(report.Problems)
	}
	prepared, err := s.server.Runner().PrepareRun(tree, chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	run, err := prepared.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return run.ID
}

// large runs a tree of 10,000 tasks in 25 layers and returns its run.
func (s *site) large(t *testing.T) string {
	t.Helper()
	const layers, width = 25, 400
	var b strings.Builder
	b.WriteString(`{"name":"Ten thousand","tasks":[`)
	for layer := range layers {
		for i := range width {
			needs, sep := "", ","
			if layer > 0 {
				needs = fmt.Sprintf(`"dependencies":["t_%d_%d","t_%d_%d"],`, layer-1, i, layer-1, (i*7+layer)%width)
			} else if i == 0 {
				sep = ""
			}
			fmt.Fprintf(&b, `%s{"id":"t_%d_%d","executor":"data_processor",%s"inputs":{"operation":"jq","program":".","data":1}}`, sep, layer, i, needs)
		}
	}
	b.WriteString("]}")
	id := s.start(t, b.String())
	ctx, cancel := context.WithTimeout(t.Context(), executortest.Patience)
	defer cancel()
	if view, err := s.server.Runner().Wait(ctx, id, "", chain.ResultsUpTo(1)); err != nil || view.Status != chain.Completed {
		t.Fatalf("the large run: %v, %v", view.Status, err)
	}
	return id
}

// shrink returns a picture of the page with the 256 colors that it has most of,
// which makes it a quarter as long.
func shrink(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	full, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	count := map[color.RGBA]int{}
	for y := range full.Bounds().Dy() {
		for x := range full.Bounds().Dx() {
			count[rough(full.At(x, y))]++
		}
	}
	most := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] })
	few := make(color.Palette, 0, 256)
	for _, each := range most[:min(len(most), 256)] {
		few = append(few, each)
	}
	small := image.NewPaletted(full.Bounds(), few)
	near := map[color.RGBA]uint8{}
	for y := range full.Bounds().Dy() {
		for x := range full.Bounds().Dx() {
			c := rough(full.At(x, y))
			index, ok := near[c]
			if !ok {
				index = uint8(few.Index(c)) //nolint:gosec // at most 255
				near[c] = index
			}
			small.SetColorIndex(x, y, index)
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	if out.Len() > mostOfPicture {
		t.Errorf("%s has %d bytes", name, out.Len())
	}
	return out.Bytes()
}

// mostOfPicture is the size of the largest picture in docs/images in bytes.
const mostOfPicture = 60 << 10

// rough returns a color with five bits a channel, but white as it is.
func rough(c color.Color) color.RGBA {
	r, g, b, _ := c.RGBA()
	part := func(v uint32) uint8 {
		v = (v >> 8) &^ 7
		return uint8(v | v>>5) //nolint:gosec // one byte
	}
	return color.RGBA{part(r), part(g), part(b), 255}
}
