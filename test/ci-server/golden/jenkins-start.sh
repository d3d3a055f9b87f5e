#!/bin/sh
# Installs the plugins, and runs the server in the foreground.
set -eu
# Once for each list and version of the server: another start needs no network.
wanted=$(cat /etc/jenkins/current/plugins.txt /usr/share/jenkins/jenkins.war | sha256sum)
mark=/var/jenkins_home/.plugins
if [ "$wanted" != "$(cat "$mark" 2>/dev/null)" ]; then
  jenkins-plugin-cli --plugin-file /etc/jenkins/current/plugins.txt --plugin-download-directory /var/jenkins_home/plugins
  echo "$wanted" > "$mark"
fi
# Not in the container's own environment, which docker inspect shows.
CASC_RELOAD_TOKEN=$(cat /etc/jenkins/current/secrets/reload-token)
export CASC_RELOAD_TOKEN
# The image's own configuration of ssh does not know the mesh.
mesh=/etc/ssh/mesh/current/ssh_config
[ ! -e "$mesh" ] || export GIT_SSH_COMMAND="ssh -F $mesh"
exec /usr/local/bin/jenkins.sh
