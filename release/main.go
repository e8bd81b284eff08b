// Command release builds what a release of Parley consists of, into a directory
// that must not exist: archives for every platform, packages for Debian, Fedora
// and Alpine, an OCI image, an SBOM, and the checksums of all.
//
//	go run . -out ../tmp/release
//
// What it writes depends on the commit and the version of Go alone, so that
// anyone can build the same: every time in it is the commit's.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const everyPlatform = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

func main() {
	log.SetFlags(0)
	out := flag.String("out", "../tmp/release", "directory to write, which must not exist")
	platforms := flag.String("platforms", everyPlatform, "os/arch, with commas between")
	dirty := flag.Bool("dirty", false, "build although something is not committed")
	flag.Parse()
	if err := run(*out, strings.Split(*platforms, ","), *dirty); err != nil {
		log.Fatal(err)
	}
}

// release is what the parts of a release have in common.
type release struct {
	root, out string
	version   string    // v1.2.3, or a pseudo-version that names the commit
	commit    string    // in full
	at        time.Time // the commit's
	builds    []build
	pages     []file // what goes beside the binary, from root and from the binary itself
}

// build is the binary of one platform.
type build struct {
	os, arch string
	data     []byte
	info     *buildinfo.BuildInfo
}

// file is a file in an archive.
type file struct {
	name string
	mode int64
	data []byte
}

func run(out string, platforms []string, dirty bool) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	r := &release{root: root, out: out}
	for _, p := range platforms {
		goos, arch, ok := strings.Cut(p, "/")
		if !ok {
			return fmt.Errorf("%q is not like linux/amd64", p)
		}
		log.Printf("building %s", p)
		if err := r.build(goos, arch); err != nil {
			return err
		}
	}
	if strings.Contains(r.version, "+dirty") && !dirty {
		return errors.New("something is not committed: a release is built from a commit (-dirty builds all the same)")
	}
	if err := r.readPages(); err != nil {
		return err
	}
	for _, step := range []func() error{r.archives, r.packages, r.image, r.bill, r.sums} {
		if err := step(); err != nil {
			return err
		}
	}
	log.Printf("%s is in %s", r.version, out)
	return nil
}

// build builds the binary of a platform, and takes version and time from it.
func (r *release) build(goos, arch string) error {
	path := filepath.Join(r.out, "parley-"+goos+"-"+arch)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", path, "./cmd/parley")
	cmd.Dir, cmd.Stderr = r.root, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+arch, "GOFLAGS=", "GOWORK=off")
	if abs, err := filepath.Abs(path); err == nil {
		cmd.Args[len(cmd.Args)-2] = abs
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s/%s: %w", goos, arch, err)
	}
	b := build{os: goos, arch: arch}
	var err error
	if b.info, err = buildinfo.ReadFile(path); err != nil {
		return err
	}
	if b.data, err = os.ReadFile(path); err != nil {
		return err
	}
	r.version = b.info.Main.Version
	for _, s := range b.info.Settings {
		switch s.Key {
		case "vcs.revision":
			r.commit = s.Value
		case "vcs.time":
			if r.at, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return err
			}
		}
	}
	if r.commit == "" {
		return errors.New("the binary does not name its commit: build in a git clone, not in a linked worktree")
	}
	r.builds = append(r.builds, b)
	return os.Remove(path)
}

// readPages gathers what goes beside the binary. The manual and the completions
// come from the program itself.
func (r *release) readPages() error {
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		data, err := os.ReadFile(filepath.Join(r.root, name))
		if err != nil {
			return err
		}
		r.pages = append(r.pages, file{name, 0o644, data})
	}
	i := slices.IndexFunc(r.builds, func(b build) bool {
		return b.os == runtime.GOOS && b.arch == runtime.GOARCH
	})
	if i < 0 {
		return fmt.Errorf("-platforms must have %s/%s: its binary writes the manual", runtime.GOOS, runtime.GOARCH)
	}
	program := filepath.Join(r.out, "parley")
	if err := os.WriteFile(program, r.builds[i].data, 0o755); err != nil {
		return err
	}
	for name, args := range map[string][]string{
		"man/parley.1":            {"man"},
		"completions/parley.bash": {"completion", "bash"},
		"completions/parley.zsh":  {"completion", "zsh"},
		"completions/parley.fish": {"completion", "fish"},
	} {
		text, err := exec.Command(program, args...).Output()
		if err != nil {
			return fmt.Errorf("parley %s: %w", strings.Join(args, " "), err)
		}
		r.pages = append(r.pages, file{name, 0o644, text})
	}
	slices.SortFunc(r.pages, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return os.Remove(program)
}

// page returns what goes beside the binary under a name.
func (r *release) page(name string) []byte {
	for _, p := range r.pages {
		if p.name == name {
			return p.data
		}
	}
	panic("there is no " + name)
}

// name begins the names of what is written.
func (r *release) name() string { return "parley-" + strings.TrimPrefix(r.version, "v") }

func (r *release) write(name string, data []byte) error {
	return os.WriteFile(filepath.Join(r.out, name), data, 0o644)
}

// sums writes the checksums of all files, for sha256sum -c.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return r.write("SHA256SUMS", sums.Bytes())
}
