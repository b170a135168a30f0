package pushfakes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Server serves a fake over TLS, HTTP/2 and HTTP/1.1, on loopback.
type Server struct {
	Fake
	// URL is where it is reached, https://127.0.0.1:PORT.
	URL string
	// CA is the certificate that clients are to trust, in PEM.
	CA     []byte
	server *http.Server
	done   chan error
}

// unnamed is what net/http adds to MaxHeaderBytes when it tells it as SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, 6.5.2), which counts 32 bytes more for each header.
const unnamed = 10 * 32

// Serve starts a server for a fake; port 0 takes a free one.
func Serve(fake Fake, port int) (*Server, error) {
	certificate, ca, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("pushfakes: %w", err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("pushfakes: %w", err)
	}
	s := &Server{Fake: fake, URL: "https://" + listener.Addr().String(), CA: ca, done: make(chan error, 1)}
	most := 64 << 10
	if f, is := fake.(Headed); is {
		most = f.MaxHeaders() - unnamed
	}
	s.server = &http.Server{
		Handler: fake, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: most,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		// Clients that go away in the middle are what it is for.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { s.done <- s.server.ServeTLS(listener, "", "") }()
	return s, nil
}

// Client gives an HTTP client that trusts the server.
func (s *Server) Client() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CA)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 100,
	}}
}

// Close ends it, and the connections to it.
func (s *Server) Close() error {
	err := s.server.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// Cut closes the connection of a request without an answer: for faults. It does not return.
func Cut() { panic(http.ErrAbortHandler) }

func newCertificate() (tls.Certificate, []byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	is := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "annal pushfakes"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, is, is, &private.PublicKey, private)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certificate, err := tls.X509KeyPair(ca, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	return certificate, ca, err
}
