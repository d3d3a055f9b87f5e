package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"
)

// Access is who may do what, and which databases there are.
type Access struct {
	Databases []string `json:"databases"`
	Users     []User   `json:"users"`
}

// User is a login of an application.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	// Previous is accepted as well, while Password takes its place.
	Previous string `json:"previous,omitempty"`
	// Both is a digest of the two, in what is noted as declared: a server that has them already is not to forget one for a moment.
	Both       string  `json:"both,omitempty"`
	RequireTLS bool    `json:"requireTls"`
	Grants     []Grant `json:"grants"`
}

// Grant is what a user may do, on a table of a database; both may be `*`.
type Grant struct {
	Privileges []string `json:"privileges"`
	Database   string   `json:"database"`
	Table      string   `json:"table"`
}

// replicationPrivileges are what replicas need of their source, and what a node needs whose data is copied.
var replicationPrivileges = []string{"REPLICATION SLAVE", "BACKUP_ADMIN"}

// settle has the source know its users, each time that what is declared of them is another. It is no part of a turn: a commit may wait for
// replicas, and the keeper may not.
func (k *Keeper) settle(context.Context) error {
	access, digest, err := k.declared()
	if err != nil {
		return err
	}
	k.mutex.Lock()
	due := k.settled != digest && !k.settling
	if due {
		k.settling = true
	}
	k.mutex.Unlock()
	if !due {
		return nil
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err := k.applyAccess(ctx, access, digest)
		k.mutex.Lock()
		defer k.mutex.Unlock()
		k.settling = false
		if err == nil {
			k.settled = digest
		} else {
			log.Printf("the users cannot be told to the server: %v", err)
			k.accessFault = err.Error()
			return
		}
		k.accessFault = ""
	}()
	return nil
}

// renewReplication gives the replicas' account the password that is declared now, before anybody waits for them: a set that was taken down has
// been made with other passwords, and its replicas cannot come in to acknowledge the change of theirs. Nobody but the keeper can write meanwhile.
func (k *Keeper) renewReplication(ctx context.Context) error {
	access, digest, err := k.declared()
	if err != nil {
		return err
	}
	known, err := k.db.text(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'dockyard' AND table_name = 'declared'")
	if err != nil || known == "0" {
		return err
	}
	row, err := k.db.row(ctx, "SELECT digest FROM dockyard.declared WHERE id = 1")
	if err != nil || row["digest"] == digest {
		return err
	}
	if err := k.setSemiSync(ctx, false); err != nil {
		return err
	}
	replication := access.Users[len(access.Users)-1]
	return k.db.exec(ctx, append([]string{"SET GLOBAL super_read_only = OFF"}, passwordStatements("ALTER USER IF EXISTS "+account(replication.Name), replication, "")...)...)
}

// unsettled is why the source's users are not as they are declared, or nil where they are, and on every other node.
func (k *Keeper) unsettled() error {
	if !k.isOpen() {
		return nil
	}
	_, digest, err := k.declared()
	if err != nil {
		return err
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.settled == digest {
		return nil
	}
	return fmt.Errorf("%s has not got its users yet: %s", k.config.Node, orElse(k.accessFault, "it is about to"))
}

func (k *Keeper) declared() (Access, string, error) {
	var access Access
	config := k.configuration()
	text, err := config.secret("access.json")
	if err != nil {
		return access, "", err
	}
	passwords, err := config.accepted("replication-password")
	if err != nil {
		return access, "", err
	}
	if err := json.Unmarshal([]byte(text), &access); err != nil {
		return access, "", fmt.Errorf("access.json: %w", err)
	}
	replication := User{
		Name: replicationUser, Password: passwords[0], RequireTLS: true,
		Grants: []Grant{{Privileges: replicationPrivileges, Database: "*", Table: "*"}},
	}
	if len(passwords) > 1 {
		replication.Previous = passwords[1]
	}
	access.Users = append(access.Users, replication)
	sum := sha256.Sum256([]byte(text + "\x00" + strings.Join(passwords, "\x00")))
	return access, hex.EncodeToString(sum[:]), nil
}

// applyAccess makes databases, users and grants as they are declared. What was declared before and is no more is noted in the database itself, so
// that it is taken away also over a time in which nothing ran; databases stay. What somebody made by hand is left alone.
func (k *Keeper) applyAccess(ctx context.Context, access Access, digest string) error {
	if err := k.db.exec(ctx,
		"CREATE DATABASE IF NOT EXISTS dockyard",
		"CREATE TABLE IF NOT EXISTS dockyard.declared (id INT PRIMARY KEY, digest CHAR(64) NOT NULL, access JSON NOT NULL)"); err != nil {
		return err
	}
	row, err := k.db.row(ctx, "SELECT digest, access FROM dockyard.declared WHERE id = 1")
	if err != nil {
		return err
	}
	if row["digest"] == digest {
		return nil
	}
	var before Access
	if row["access"] != "" {
		if err := json.Unmarshal([]byte(row["access"]), &before); err != nil {
			return err
		}
	}
	if err := k.db.exec(ctx, accessStatements(before, access)...); err != nil {
		return err
	}
	for index, user := range access.Users {
		access.Users[index].Both = user.both()
		access.Users[index].Password, access.Users[index].Previous = "", ""
	}
	known, err := json.Marshal(access)
	if err != nil {
		return err
	}
	_, err = k.db.pool.ExecContext(ctx, "REPLACE INTO dockyard.declared VALUES (1, ?, ?)", digest, string(known))
	return err
}

// accessStatements lead from what was declared to what is. A grant that stays is not taken away in between.
func accessStatements(before, access Access) []string {
	var statements []string
	for _, database := range access.Databases {
		statements = append(statements, "CREATE DATABASE IF NOT EXISTS "+identifier(database))
	}
	for _, user := range access.Users {
		tls := "NONE"
		if user.RequireTLS {
			tls = "SSL"
		}
		name := account(user.Name)
		var had []string
		var both string
		for _, old := range before.Users {
			if old.Name == user.Name {
				had, both = single(old.Grants), old.Both
			}
		}
		statements = append(statements, loginStatements(name, user, tls, both)...)
		wanted := single(user.Grants)
		for _, grant := range had {
			if !slices.Contains(wanted, grant) {
				statements = append(statements, fmt.Sprintf("REVOKE IF EXISTS %s FROM %s", grant, name))
			}
		}
		for _, grant := range wanted {
			statements = append(statements, fmt.Sprintf("GRANT %s TO %s", grant, name))
		}
	}
	for _, old := range before.Users {
		if !slices.ContainsFunc(access.Users, func(user User) bool { return user.Name == old.Name }) {
			statements = append(statements, "DROP USER IF EXISTS "+account(old.Name))
		}
	}
	return statements
}

// loginStatements have an account accept its password, and the previous one as well where there is one.
func loginStatements(name string, user User, tls, noted string) []string {
	require := " REQUIRE " + tls
	if user.both() != "" && user.both() == noted {
		return []string{"ALTER USER " + name + require}
	}
	first := user.Password
	if user.Previous != "" {
		first = user.Previous
	}
	create := fmt.Sprintf("CREATE USER IF NOT EXISTS %s IDENTIFIED BY %s%s", name, quoted(first), require)
	return append([]string{create}, passwordStatements("ALTER USER "+name, user, require)...)
}

// passwordStatements give an account what it is to accept, and nothing else. Where that is two passwords the server is given the previous one first,
// and keeps it beside the new one: what clients use until all of them have the new one is accepted all the time.
func passwordStatements(alter string, user User, require string) []string {
	identified := func(password, kept string) string {
		return alter + " IDENTIFIED BY " + quoted(password) + kept + require
	}
	if user.Previous == "" {
		return []string{identified(user.Password, ""), alter + " DISCARD OLD PASSWORD"}
	}
	return []string{identified(user.Previous, ""), identified(user.Password, " RETAIN CURRENT PASSWORD")}
}

// both is a digest of the two passwords of a user, or nothing where there is one.
func (u User) both() string {
	if u.Previous == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(u.Password + "\x00" + u.Previous))
	return hex.EncodeToString(sum[:])
}

// single writes every privilege of some grants by itself: `SELECT ON shop.*`.
func single(grants []Grant) []string {
	var each []string
	for _, grant := range grants {
		for _, privilege := range grant.Privileges {
			each = append(each, fmt.Sprintf("%s ON %s.%s", privilege, grantedDatabase(grant), identifier(grant.Table)))
		}
	}
	return each
}

// grantedDatabase is the database of a grant: where it is of all tables its name is a pattern, in which _ stands for any character.
func grantedDatabase(grant Grant) string {
	if grant.Table != "*" {
		return identifier(grant.Database)
	}
	return strings.NewReplacer("_", `\_`, "%", `\%`).Replace(identifier(grant.Database))
}

func identifier(name string) string {
	if name == "*" {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

func account(user string) string {
	return quoted(user) + "@'%'"
}

func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
