module dockyard/images/filebeat/keeper

go 1.26

require golang.org/x/sys v0.28.0
