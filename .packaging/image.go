package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// imageUser is the user ID in the image, as in the Dockerfile.
const imageUser = 65532

// writeImage writes the image for all platforms of Linux that were built, as the
// OCI layout DIST/oci. It is the image of the Dockerfile, made without an engine.
func writeImage(dist, version string, created time.Time) error {
	built, err := programs(dist)
	if err != nil {
		return err
	}
	base, err := layerOf(created, append(folders(), tarFile("etc/ssl/certs/ca-certificates.crt", 0o644, roots())))
	if err != nil {
		return err
	}
	labels := map[string]string{
		"io.modelcontextprotocol.server.name": serverName, "org.opencontainers.image.source": home,
		"org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.version": version, "org.opencontainers.image.description": summary,
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	count := 0
	for _, p := range platforms {
		path, ok := built[p.os+"/"+p.arch]
		if p.os != "linux" || !ok {
			continue
		}
		image, err := imageOf(path, p, base, labels, created)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}}})
		count++
	}
	if count == 0 {
		return errors.New("no program for Linux was built")
	}
	annotated, ok := mutate.Annotations(index, labels).(v1.ImageIndex)
	if !ok {
		return errors.New("the index can't be annotated")
	}
	out := filepath.Join(dist, "oci")
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	path, err := layout.Write(out, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(annotated, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": version}))
}

func imageOf(program string, p platform, base v1.Layer, labels map[string]string, created time.Time) (v1.Image, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	layer, err := layerOf(created, []entry{tarFile(project, 0o755, content)})
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: p.os, Architecture: p.arch, Created: v1.Time{Time: created},
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User: fmt.Sprintf("%d:%d", imageUser, imageUser), Env: []string{"CHAINWRIGHT_DATA_DIR=/data"},
			Entrypoint: []string{"/" + project}, Cmd: []string{"stdio"}, Labels: labels,
			Volumes: map[string]struct{}{"/data": {}}, ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		},
	}); err != nil {
		return nil, err
	}
	history := func(l v1.Layer, by string) mutate.Addendum {
		return mutate.Addendum{Layer: l, MediaType: types.OCILayer, History: v1.History{Created: v1.Time{Time: created}, CreatedBy: by}}
	}
	image, err = mutate.Append(image, history(base, "certificates and folders"), history(layer, project))
	if err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(image, labels).(v1.Image)
	if !ok {
		return nil, errors.New("the image can't be annotated")
	}
	return annotated, nil
}

// programs reads which programs goreleaser built, and where they are.
func programs(dist string) (map[string]string, error) {
	raw, err := os.ReadFile(filepath.Join(dist, "artifacts.json"))
	if err != nil {
		return nil, err
	}
	var list []struct{ Name, Path, Type, Goos, Goarch string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("reading artifacts.json: %w", err)
	}
	found := map[string]string{}
	for _, each := range list {
		if each.Type == "Binary" {
			found[each.Goos+"/"+each.Goarch] = filepath.Join(filepath.Dir(dist), filepath.FromSlash(each.Path))
		}
	}
	return found, nil
}

// roots returns the certificates of Mozilla, which Go keeps as a module.
func roots() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
	}
	return out.Bytes()
}

type entry struct {
	header  tar.Header
	content []byte
}

func tarFile(name string, mode int64, content []byte) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}, content}
}

func folders() []entry {
	folder := func(name string, mode int64, owner int) entry {
		return entry{header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, Uid: owner, Gid: owner}}
	}
	return []entry{
		folder("data/", 0o700, imageUser), folder("tmp/", 0o1777, imageUser),
		folder("etc/", 0o755, 0), folder("etc/ssl/", 0o755, 0), folder("etc/ssl/certs/", 0o755, 0),
	}
}

func layerOf(created time.Time, entries []entry) (v1.Layer, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, e := range entries {
		e.header.ModTime, e.header.Format = created, tar.FormatUSTAR
		if err := archive.WriteHeader(&e.header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
}
