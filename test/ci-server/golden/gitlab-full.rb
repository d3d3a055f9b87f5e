external_url 'https://gitlab.example.org'

# Encryption ends before the container, where there is any.
nginx['listen_port'] = 8010
nginx['listen_https'] = false
letsencrypt['enable'] = false

gitlab_rails['initial_root_password'] = File.read('/etc/dockyard-gitlab/current/root-password').strip
gitlab_rails['gitlab_shell_ssh_port'] = 2424
gitlab_rails['usage_ping_enabled'] = false
gitlab_rails['smtp_enable'] = true
gitlab_rails['smtp_address'] = 'mail.example.org'
gitlab_rails['smtp_port'] = 587
gitlab_rails['smtp_user_name'] = 'gitlab'
gitlab_rails['smtp_password'] = File.read('/etc/dockyard-gitlab/current/mail-password').strip
gitlab_rails['smtp_authentication'] = 'login'
gitlab_rails['smtp_enable_starttls_auto'] = true
gitlab_rails['gitlab_email_from'] = 'git\'lab@example.org'

puma['worker_processes'] = 2
sidekiq['concurrency'] = 10
prometheus_monitoring['enable'] = true
