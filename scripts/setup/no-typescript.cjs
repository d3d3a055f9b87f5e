// Required by Node before Pulumi's own program, where a project's program is JavaScript or brings its own way to load TypeScript.
if (process.env.PULUMI_NODEJS_TYPESCRIPT === "true") process.env.PULUMI_NODEJS_TYPESCRIPT = "false";
