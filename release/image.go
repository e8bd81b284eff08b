package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// dataOwner is the number of the user that the image's server runs as.
const dataOwner = 65532

// descriptor is one of the OCI image specification.
type descriptor struct {
	MediaType string    `json:"mediaType"`
	Digest    string    `json:"digest"`
	Size      int       `json:"size"`
	Platform  *platform `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// image writes an OCI image for all platforms of Linux, as a tar of its layout:
// skopeo, podman load and docker load read it. It has what the Dockerfile
// makes, with the certificates of the authorities that Mozilla trusts.
func (r *release) image() error {
	const oci = "application/vnd.oci.image."
	var layout []file
	blob := func(kind string, data []byte) descriptor {
		sum := fmt.Sprintf("%x", sha256.Sum256(data))
		layout = append(layout, file{"blobs/sha256/" + sum, 0o644, data})
		return descriptor{MediaType: oci + kind, Digest: "sha256:" + sum, Size: len(data)}
	}
	object := func(kind string, v any) (descriptor, error) {
		data, err := json.Marshal(v)
		return blob(kind, data), err
	}
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		if err := pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return err
		}
	}
	var images []descriptor
	for _, b := range r.builds {
		if b.os != "linux" {
			continue
		}
		files := []file{{"parley", 0o755, b.data}, {"etc/ssl/certs/ca-certificates.crt", 0o644, roots.Bytes()},
			{"data/", 0o700, nil}}
		var plain bytes.Buffer
		if err := tarred(&plain, files, r.at); err != nil {
			return err
		}
		packed, err := tarGz(files, r.at)
		if err != nil {
			return err
		}
		p := platform{b.arch, b.os}
		config, err := object("config.v1+json", map[string]any{
			"created": r.at, "architecture": p.Architecture, "os": p.OS,
			"config": map[string]any{
				"User":         fmt.Sprintf("%d:%d", dataOwner, dataOwner),
				"Env":          []string{"PORT=8080", "PARLEY_DATA=/data", "PARLEY_LOG_FORMAT=json"},
				"Entrypoint":   []string{"/parley"},
				"Cmd":          []string{"serve"},
				"ExposedPorts": map[string]any{"8080/tcp": struct{}{}},
				"Volumes":      map[string]any{"/data": struct{}{}},
				"StopSignal":   "SIGTERM",
				"Labels": map[string]string{"org.opencontainers.image.version": r.version,
					"org.opencontainers.image.revision": r.commit},
			},
			"rootfs": map[string]any{"type": "layers",
				"diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(plain.Bytes()))}},
		})
		if err != nil {
			return err
		}
		manifest, err := object("manifest.v1+json", map[string]any{
			"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": config,
			"layers": []descriptor{blob("layer.v1.tar+gzip", packed)},
		})
		if err != nil {
			return err
		}
		manifest.Platform = &p
		images = append(images, manifest)
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": oci + "index.v1+json", "manifests": images})
	if err != nil {
		return err
	}
	layout = append(layout, file{"oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		file{"index.json", 0o644, index})
	var out bytes.Buffer
	if err := tarred(&out, layout, r.at); err != nil {
		return err
	}
	return r.write(r.name()+"-oci.tar", out.Bytes())
}
