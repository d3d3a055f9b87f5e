external_url 'http://127.0.0.1:8010'

# Encryption ends before the container, where there is any.
nginx['listen_port'] = 8010
nginx['listen_https'] = false
letsencrypt['enable'] = false

gitlab_rails['initial_root_password'] = File.read('/etc/dockyard-gitlab/current/root-password').strip
gitlab_rails['usage_ping_enabled'] = false
gitlab_rails['smtp_enable'] = false
gitlab_rails['gitlab_email_enabled'] = false

puma['worker_processes'] = 0
sidekiq['concurrency'] = 5
prometheus_monitoring['enable'] = false
