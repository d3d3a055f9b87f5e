import { normalizeEngine } from "../../components/ci-server/engine-args";
import { normalizeJobs, normalizeRepositories } from "../../components/ci-server/job-args";

export const repositories = normalizeRepositories([
  { name: "shop", url: "ssh://git@git-1/shop.git", pollSeconds: 300 },
  { name: "site", url: "https://git.example.org/site.git", branches: ["main", "next"], push: false },
  { name: "tools", url: "ssh://git@git-1/tools.git", pollSeconds: null },
]);

export const jobs = normalizeJobs(
  [
    {
      name: "shop-test",
      repository: "shop",
      steps: [
        { name: "install", command: ["npm", "ci"] },
        { name: "test", command: ["npm", "test", "--", "it's ${HERE} \\ $x"], environment: { LANG: "C" }, timeoutSeconds: 60 },
      ],
    },
    { name: "site", repository: "site", branches: ["next"], steps: [{ name: "build", command: ["make"] }] },
    { name: "tools", repository: "tools", steps: [{ name: "build", command: ["make"] }] },
  ],
  repositories,
);

export const users = [
  { name: "boss", role: "admin" },
  { name: "dev", role: "builder" },
] as const;

export const jenkins = normalizeEngine(
  { type: "jenkins", plugins: ["timestamper", "git:5.7.0"], updateCenter: "https://mirror.example.org/jenkins/updates/" },
  "",
);
