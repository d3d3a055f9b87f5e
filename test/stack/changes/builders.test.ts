import { describeChanges } from "./changes-tests";
import { BUILDERS } from "./groups";

describeChanges(BUILDERS);
