// Command packager makes the packages that goreleaser does not make: npm, PyPI,
// MCPB, the image, and server.json with their names. Equal programs make equal
// files. It is a module of its own, so that the server does not depend on what
// this needs.
//
//	packager platform -version V -os OS -arch ARCH -program FILE -out FOLDER
//	packager finish -version V -created TIME -dist FOLDER
package main

import (
	"embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	project    = "chainwright"
	serverName = "io.github.chainwright/chainwright"
	home       = "https://github.com/chainwright/chainwright"
	summary    = "MCP server that lets assistants run executors and task trees: closed by default, recorded, cancellable"
)

//go:embed README.md npm/launcher.js mcpb/manifest.json
var files embed.FS

// platform is one that the program is built for, with its names elsewhere.
type platform struct {
	os, arch string   // Go
	npm      []string // process.platform and process.arch of Node.js
	wheel    string   // the tags of PyPI
}

var platforms = []platform{
	// The program is static, so it runs with any C library, or none.
	{"linux", "amd64", []string{"linux", "x64"}, "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64"},
	{"linux", "arm64", []string{"linux", "arm64"}, "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64"},
	{"darwin", "amd64", []string{"darwin", "x64"}, "macosx_12_0_x86_64"}, // Go 1.26 needs macOS 12
	{"darwin", "arm64", []string{"darwin", "arm64"}, "macosx_12_0_arm64"},
	{"windows", "amd64", []string{"win32", "x64"}, "win_amd64"},
	{"windows", "arm64", []string{"win32", "arm64"}, "win_arm64"},
}

func (p platform) program() string {
	if p.os == "windows" {
		return project + ".exe"
	}
	return project
}

func find(os, arch string) (platform, error) {
	for _, p := range platforms {
		if p.os == os && p.arch == arch {
			return p, nil
		}
	}
	return platform{}, fmt.Errorf("no package is made for %s/%s", os, arch)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packager:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("the first argument must be platform or finish")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	version := flags.String("version", "", "version of the release, without v")
	switch args[0] {
	case "platform":
		goos, goarch := flags.String("os", "", "GOOS"), flags.String("arch", "", "GOARCH")
		program, out := flags.String("program", "", "the built program"), flags.String("out", "", "folder to write to")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		p, err := find(*goos, *goarch)
		if err != nil {
			return err
		}
		return packagePlatform(p, *version, *program, *out)
	case "finish":
		created, dist := flags.String("created", "", "time of the commit, RFC 3339"), flags.String("dist", "", "folder of goreleaser")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339, *created)
		if err != nil {
			return fmt.Errorf("-created: %w", err)
		}
		if err := writeImage(*dist, *version, at.UTC()); err != nil {
			return fmt.Errorf("making the image: %w", err)
		}
		return writeServer(*dist, *version)
	}
	return fmt.Errorf("unknown command %q: platform and finish exist", args[0])
}

func packagePlatform(p platform, version, program, out string) error {
	built, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	for _, each := range []struct {
		folder string
		make   func(platform, string, []byte) (name string, content []byte, err error)
	}{{"npm", npmPlatform}, {"npm", npmMain}, {"pypi", wheel}, {"mcpb", bundled}} {
		name, content, err := each.make(p, version, built)
		if err != nil {
			return fmt.Errorf("making the package for %s: %w", each.folder, err)
		}
		if err := place(filepath.Join(out, each.folder, name), content); err != nil {
			return err
		}
	}
	return nil
}

// place writes a file at once, for several of these processes write the main
// package of npm.
func place(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".draft-*")
	if err != nil {
		return err
	}
	_, err = draft.Write(content)
	if err := errors.Join(err, draft.Chmod(0o644), draft.Close()); err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return os.Rename(draft.Name(), path)
}
