import { describeChanges } from "./changes-tests";
import { MESSAGES } from "./groups";

describeChanges(MESSAGES);
