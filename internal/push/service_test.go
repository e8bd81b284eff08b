package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

var b64 = base64.RawURLEncoding

// browser is a device's side of Web Push: its keys.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, 16)
	rand.Read(auth)
	return browser{key, auth}
}

// open opens what was sealed for the browser: RFC 8291 and RFC 8188, written
// without the code that seals.
func (b browser) open(body []byte) ([]byte, error) {
	if len(body) < 21 || len(body) < 21+int(body[20]) {
		return nil, errors.New("the header is too short")
	}
	salt, size, keyID, sealed := body[:16], binary.BigEndian.Uint32(body[16:20]),
		body[21:21+int(body[20])], body[21+int(body[20]):]
	if len(body) > 4096 || uint32(len(sealed)) > size {
		return nil, errors.New("more than one record, or more than a push service takes")
	}
	sender, err := ecdh.P256().NewPublicKey(keyID)
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(keyID)
	ikm, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, err
	}
	plain = []byte(strings.TrimRight(string(plain), "\x00"))
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, errors.New("the padding has no delimiter of the last record")
	}
	return plain[:len(plain)-1], nil
}

// The example of RFC 8291, section 5 and appendix A.
func TestBrowserOpensTheExampleOfTheRFC(t *testing.T) {
	decode := func(text string) []byte {
		b, err := b64.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key, err := ecdh.P256().NewPrivateKey(decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	b := browser{key, decode("BTBZMqHH6r4Tts7J_aSIgg")}
	got, err := b.open(decode("DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6" +
		"e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxs" +
		"j_Qulcy4a-fN"))
	if err != nil || string(got) != "When I grow up, I want to be a watermelon" {
		t.Errorf("%q, %v", got, err)
	}
}

// received is what a push service was sent, opened.
type received struct {
	path   string
	header http.Header
	chat.PushMessage
}

// pushService is a push service that checks what RFC 8030, 8291 and 8292 want
// of an application server, and opens what is meant for the browsers.
type pushService struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	browsers map[string]browser // by the path of their endpoints
	got      []received
	asked    int
	answer   func(n int, w http.ResponseWriter) // of the n-th request, from 1; nil accepts all
	key      string                             // of the server, base64url
}

func newPushService(t *testing.T) *pushService {
	p := &pushService{t: t, browsers: map[string]browser{}}
	p.Server = httptest.NewTLSServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *pushService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.answer != nil {
		status := &statusWriter{ResponseWriter: w}
		if p.answer(p.asked, status); status.wrote {
			return
		}
	}
	b, ok := p.browsers[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	plain, err := b.open(body)
	if err != nil {
		p.t.Errorf("a push that cannot be opened: %v", err)
	}
	if err := p.checkVAPID(r.Header.Get("Authorization")); err != nil {
		p.t.Errorf("the signature: %v", err)
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Encoding") != "aes128gcm" ||
		r.Header.Get("TTL") != "86400" {
		p.t.Errorf("%s with %v", r.Method, r.Header)
	}
	m := received{path: r.URL.Path, header: r.Header}
	if err := json.Unmarshal(plain, &m.PushMessage); err != nil {
		p.t.Errorf("%q: %v", plain, err)
	}
	p.got = append(p.got, m)
	w.WriteHeader(http.StatusCreated)
}

type statusWriter struct {
	http.ResponseWriter
	wrote bool
}

func (w *statusWriter) WriteHeader(code int) {
	w.wrote = true
	w.ResponseWriter.WriteHeader(code)
}

// checkVAPID checks the header Authorization as RFC 8292 has it.
func (p *pushService) checkVAPID(header string) error {
	token, key, ok := strings.Cut(strings.TrimPrefix(header, "vapid t="), ", k=")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 || key != p.key {
		return errors.New("not signed with the server's key: " + header)
	}
	raw, err := b64.DecodeString(key)
	if err != nil {
		return errors.New("the key is none")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return err
	}
	sig, err := b64.DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return errors.New("the signature is none")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return errors.New("the signature is wrong")
	}
	claims, err := b64.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var in struct {
		Aud, Sub string
		Exp      int64
	}
	if err := json.Unmarshal(claims, &in); err != nil {
		return err
	}
	left := time.Until(time.Unix(in.Exp, 0))
	if in.Aud != p.URL || in.Sub != "https://chat.example" || left <= 0 || left > 24*time.Hour {
		return errors.New("the claims " + string(claims))
	}
	return nil
}

// take returns what came since the last time.
func (p *pushService) take() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}
