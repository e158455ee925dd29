# make install DESTDIR= PREFIX=   puts everything where the usual conventions want it
# make deb                        the same, as dist/mast-agent_VERSION_all.deb (DIST= elsewhere)
# make deb-source                 Debian's source package, there too
#
# Included by the Makefile. PYTHON needs the agent's dependencies: the man page and the
# completions are made from the command line itself.

DESTDIR ?=
PREFIX ?= /usr/local
DIST ?= dist
PYTHON ?= python3
bindir = $(PREFIX)/bin
libexecdir = $(PREFIX)/lib/mast-agent
datadir = $(PREFIX)/share/mast-agent
unitdir = $(PREFIX)/lib/systemd/system
sysusersdir = $(PREFIX)/lib/sysusers.d
catalogdir = $(PREFIX)/lib/systemd/catalog
mandir = $(PREFIX)/share/man/man1
docdir = $(PREFIX)/share/doc/mast-agent
bashdir = $(PREFIX)/share/bash-completion/completions
zshdir = $(PREFIX)/share/zsh/vendor-completions
fishdir = $(PREFIX)/share/fish/vendor_completions.d

MAST_AGENT_VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' agent/mast_agent/__init__.py)
MAST_AGENT_DROP_INS = systemd/growing-delays.conf systemd/socket.conf systemd/lxc.conf \
	systemd/sshd.conf systemd/sudoers.conf
# What the man page names, and what these name.
MAST_AGENT_DOCUMENTS = docs/reference.md docs/status.schema.json docs/troubleshooting.md \
	docs/access.md
MAST_AGENT_UNITS = mast-agent.service mast-agent-access.service mast.service
# The units name the paths of a package in /usr; another prefix is written over them.
at_prefix = sed -e 's|/usr/bin/mast-agent|$(bindir)/mast-agent|' \
	-e 's|/usr/lib/mast-agent|$(libexecdir)|' -e 's|/usr/share/mast-agent|$(datadir)|' \
	-e 's|@datadir@|$(datadir)|'
generate = PYTHONPATH=agent:packaging PYTHONDONTWRITEBYTECODE=1 $(PYTHON)

.PHONY: install deb deb-source

install:
	install -d $(addprefix $(DESTDIR),$(bindir) $(libexecdir) $(datadir)/mast_agent \
	    $(datadir)/systemd $(unitdir) $(sysusersdir) $(catalogdir) $(mandir) $(bashdir) $(zshdir) \
	    $(fishdir) $(docdir)/install)
	cd agent && find mast_agent -name '*.py' -print0 | \
	    xargs -0 -I {} install -D -m 0644 {} $(abspath $(DESTDIR)$(datadir))/{}
	$(at_prefix) packaging/launcher >$(DESTDIR)$(bindir)/mast-agent
	chmod 0755 $(DESTDIR)$(bindir)/mast-agent
	install -m 0755 systemd/mast-prepare $(DESTDIR)$(libexecdir)/mast-prepare
	for unit in $(MAST_AGENT_UNITS); do \
	    $(at_prefix) systemd/$$unit >$(DESTDIR)$(unitdir)/$$unit || exit 1; \
	done
	install -m 0644 systemd/sysusers.conf $(DESTDIR)$(sysusersdir)/mast-agent.conf
	install -m 0644 systemd/mast-agent.catalog $(DESTDIR)$(catalogdir)/mast-agent.catalog
	install -m 0644 $(MAST_AGENT_DROP_INS) $(DESTDIR)$(datadir)/systemd
	install -m 0644 nix/bootstrap.ex $(DESTDIR)$(datadir)/bootstrap.ex
	install -m 0644 $(MAST_AGENT_DOCUMENTS) $(DESTDIR)$(docdir)
	install -m 0644 docs/install/lxc.md $(DESTDIR)$(docdir)/install
	$(generate) packaging/manpage.py $(MAST_AGENT_VERSION) >$(DESTDIR)$(mandir)/mast-agent.1
	$(generate) packaging/completions.py bash >$(DESTDIR)$(bashdir)/mast-agent
	$(generate) packaging/completions.py zsh >$(DESTDIR)$(zshdir)/_mast-agent
	$(generate) packaging/completions.py fish >$(DESTDIR)$(fishdir)/mast-agent.fish

deb:
	scripts/debian-package binary $(DIST)

deb-source:
	scripts/debian-package source $(DIST)
