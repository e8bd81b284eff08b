package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"path"
	"time"
)

// archives writes an archive for each platform: zip for Windows, tar.gz for the
// others.
func (r *release) archives() error {
	for _, b := range r.builds {
		name := r.name() + "-" + b.os + "-" + b.arch
		binary, end, pack := "parley", ".tar.gz", tarGz
		if b.os == "windows" {
			binary, end, pack = "parley.exe", ".zip", zipped
		}
		files := append([]file{{binary, 0o755, b.data}}, r.pages...)
		for i := range files {
			files[i].name = path.Join(name, files[i].name)
		}
		data, err := pack(files, r.at)
		if err != nil {
			return err
		}
		if err := r.write(name+end, data); err != nil {
			return err
		}
	}
	return nil
}

// tarred writes files as a tar archive. All have the same time, and belong to
// root.
func tarred(w io.Writer, files []file, at time.Time) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: f.mode,
			Size: int64(len(f.data)), ModTime: at}
		if f.data == nil {
			h.Typeflag, h.Uid, h.Gid = tar.TypeDir, dataOwner, dataOwner // of the image, see there
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	return t.Close()
}

func tarGz(files []file, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := tarred(z, files, at); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

func zipped(files []file, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}
