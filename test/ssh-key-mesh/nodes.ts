import { sshPublicKey } from "../../components/ssh-key-mesh/openssh-key";
import { seedOf } from "../mocks";

const node = (name: string, address: string, port = 2222) => ({
  name,
  address,
  port,
  login: name.split("-")[0] ?? "",
  loginKey: sshPublicKey(seedOf(`${name}-login-key`)),
  hostKey: sshPublicKey(seedOf(`${name}-host-key`)),
});
const git = node("git", "10.89.0.171", 22);
export const ops1 = node("ops-1", "10.89.0.151");
export const ops2 = node("ops-2", "10.89.0.152");
/** In no order. */
export const nodes = [ops2, git, ops1];
