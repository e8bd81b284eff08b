package main

import (
	"encoding/json"
	"runtime/debug"
	"slices"
	"strings"
)

// bill writes the SBOM: every module that is linked into a binary of any
// platform, as the binaries say themselves, in CycloneDX.
func (r *release) bill() error {
	type component struct {
		Type    string `json:"type"`
		Name    string `json:"name"`
		Version string `json:"version"`
		Ref     string `json:"bom-ref"`
		PURL    string `json:"purl"`
	}
	of := func(kind, path, version string) component {
		purl := "pkg:golang/" + path + "@" + version
		return component{kind, path, version, purl, purl}
	}
	seen := map[string]component{}
	for _, b := range r.builds {
		for _, m := range b.info.Deps {
			if m.Replace != nil && m.Replace.Version == "" {
				m = &debug.Module{Path: m.Path, Version: r.version} // a part of this repository
			}
			seen[m.Path] = of("library", m.Path, m.Version)
		}
		seen["std"] = of("library", "std", strings.TrimPrefix(b.info.GoVersion, "go"))
	}
	var all []component
	for _, c := range seen {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b component) int { return strings.Compare(a.Name, b.Name) })
	data, err := json.MarshalIndent(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": map[string]any{
			"timestamp": r.at.Format("2006-01-02T15:04:05Z"),
			"component": of("application", r.builds[0].info.Main.Path, r.version),
		},
		"components": all,
	}, "", "  ")
	if err != nil {
		return err
	}
	return r.write(r.name()+".cdx.json", append(data, '\n'))
}
