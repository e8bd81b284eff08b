package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packages writes a package for each format and platform of Linux. They make a
// user, and a service that the operator starts.
func (r *release) packages() error {
	dir, err := os.MkdirTemp("", "parley-release-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	scripts, err := r.scripts(dir)
	if err != nil {
		return err
	}
	for _, b := range r.builds {
		if b.os != "linux" {
			continue
		}
		contents, err := r.contents(dir, b)
		if err != nil {
			return err
		}
		for _, format := range []string{"deb", "rpm", "apk"} {
			if err := r.pack(format, b, contents, scripts); err != nil {
				return err
			}
		}
	}
	return nil
}

// scripts puts the scripts of the packages into the directory, with the
// release's time: a package for Alpine has that of the file.
func (r *release) scripts(dir string) (nfpm.Scripts, error) {
	s := nfpm.Scripts{PostInstall: "postinstall.sh", PreRemove: "preremove.sh", PostRemove: "postremove.sh"}
	for _, name := range []*string{&s.PostInstall, &s.PreRemove, &s.PostRemove} {
		data, err := os.ReadFile(filepath.Join("linux", *name))
		if err != nil {
			return s, err
		}
		*name = filepath.Join(dir, *name)
		err = errors.Join(os.WriteFile(*name, data, 0o755), os.Chtimes(*name, r.at, r.at))
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// contents are the files of a package. They are put into the directory.
func (r *release) contents(dir string, b build) (files.Contents, error) {
	var contents files.Contents
	for to, from := range map[string]struct {
		data []byte
		mode os.FileMode
	}{
		"/usr/bin/parley":                                  {b.data, 0o755},
		"/usr/share/man/man1/parley.1":                     {r.page("man/parley.1"), 0o644},
		"/usr/share/bash-completion/completions/parley":    {r.page("completions/parley.bash"), 0o644},
		"/usr/share/zsh/vendor-completions/_parley":        {r.page("completions/parley.zsh"), 0o644},
		"/usr/share/fish/vendor_completions.d/parley.fish": {r.page("completions/parley.fish"), 0o644},
		"/usr/share/doc/parley/copyright":                  {r.page("LICENSE"), 0o644},
		"/usr/share/doc/parley/CHANGELOG.md":               {r.page("CHANGELOG.md"), 0o644},
	} {
		source := filepath.Join(dir, b.arch+"-"+filepath.Base(filepath.Dir(to))+"-"+filepath.Base(to))
		if err := os.WriteFile(source, from.data, from.mode); err != nil {
			return nil, err
		}
		contents = append(contents, &files.Content{Source: source, Destination: to,
			FileInfo: &files.ContentFileInfo{Mode: from.mode, MTime: r.at}})
	}
	return append(contents,
		&files.Content{Source: "linux/parley.service", Destination: "/usr/lib/systemd/system/parley.service",
			FileInfo: &files.ContentFileInfo{Mode: 0o644, MTime: r.at}},
		&files.Content{Source: "linux/parley.toml", Destination: "/etc/parley/parley.toml", Type: files.TypeConfigNoReplace,
			FileInfo: &files.ContentFileInfo{Mode: 0o644, MTime: r.at}},
	), nil
}

func (r *release) pack(format string, b build, contents files.Contents, scripts nfpm.Scripts) error {
	info := &nfpm.Info{
		Name: "parley", Arch: b.arch, Platform: "linux", Version: r.version, MTime: r.at,
		Section: "net", Priority: "optional", License: "Apache-2.0",
		Maintainer: "The Parley maintainers", Description: "Self-hosted real-time chat server",
		Overridables: nfpm.Overridables{
			Contents: contents,
			Scripts:  scripts,
			RPM:      nfpm.RPM{BuildHost: "localhost"},
		},
	}
	info = nfpm.WithDefaults(info)
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := packager.Package(info, &out); err != nil {
		return err
	}
	return r.write(packager.ConventionalFileName(info), out.Bytes())
}
