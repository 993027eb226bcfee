// Command peer is a TLS 1.3 end that shares no code with Roadseal: Go's crypto/tls.
// It speaks Roadseal's framing (four bytes of length) to exchange one message.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
)

type report struct {
	Version, Group, Cipher, Answer, Error string
}

func main() {
	mode, address, name, group, dir := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	var result report
	if err := run(mode, address, name, group, dir, &result); err != nil {
		result.Error = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(result)
}

func run(mode, address, name, group, dir string, result *report) error {
	pair, err := tls.LoadX509KeyPair(dir+"/chain.pem", dir+"/key.pem")
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(dir + "/root.pem")
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	curves := map[string]tls.CurveID{"X25519": tls.X25519, "X25519MLKEM768": tls.X25519MLKEM768}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair},
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		ServerName: name, CurvePreferences: []tls.CurveID{curves[group]},
	}
	var conn *tls.Conn
	if mode == "client" {
		if conn, err = tls.Dial("tcp", address, config); err != nil {
			return err
		}
	} else {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, listener.Addr().(*net.TCPAddr).Port)
		raw, err := listener.Accept()
		if err != nil {
			return err
		}
		conn = tls.Server(raw, config)
		if err := conn.Handshake(); err != nil {
			return err
		}
	}
	defer conn.Close()
	state := conn.ConnectionState()
	result.Version = tls.VersionName(state.Version)
	result.Group = state.CurveID.String()
	result.Cipher = tls.CipherSuiteName(state.CipherSuite)
	if mode == "client" {
		if err := send(conn, "from go"); err != nil {
			return err
		}
		result.Answer, err = receive(conn)
		return err
	}
	if result.Answer, err = receive(conn); err != nil {
		return err
	}
	return send(conn, result.Answer)
}

func send(conn io.Writer, message string) error {
	_, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...))
	return err
}

func receive(conn io.Reader) (string, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return "", err
	}
	body := make([]byte, binary.BigEndian.Uint32(head))
	_, err := io.ReadFull(conn, body)
	return string(body), err
}
