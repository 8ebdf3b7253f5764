import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "../../parts/Button";
import { Skeleton } from "../../parts/Empty";
import { Failed } from "../../parts/Failed";
import { sentence } from "../../parts/format";
import { say } from "../../parts/Toast";
import { useTimes } from "../../parts/zone";
import { type Device, endDevice, endOtherDevices, readDevices } from "../../session/requests";
import { useLeave } from "../../session/useLeave";
import styles from "./Profile.module.css";

const KEY = ["me", "sign-ins"];

/** Where one is signed in: each can be ended, and all others at once. */
export function Devices() {
  const queries = useQueryClient();
  const leave = useLeave();
  const devices = useQuery({ queryKey: KEY, queryFn: ({ signal }) => readDevices(signal) });
  const end = useMutation({
    mutationFn: (id: string | null) => (id === null ? endOtherDevices() : endDevice(id)),
    onError: ({ message }) =>
      say("Nothing was ended", { description: sentence(message), failed: true }),
    onSettled: () => queries.invalidateQueries({ queryKey: KEY }),
  });
  const others = devices.data?.some(({ current }) => !current);
  return (
    <section className={styles.section} aria-labelledby="devices">
      <h2 id="devices">Where you are signed in</h2>
      {devices.isError ? (
        <Failed
          what="Your devices could not be read."
          error={devices.error}
          onRetry={() => devices.refetch()}
        />
      ) : null}
      {devices.isPending ? <Skeleton rows={2} height={44} /> : null}
      <ul className={styles.devices}>
        {devices.data?.map((device) => (
          <DeviceRow
            key={device.id}
            device={device}
            busy={end.isPending}
            onEnd={() => (device.current ? leave() : end.mutate(device.id))}
          />
        ))}
      </ul>
      {others ? (
        <div className={styles.buttons}>
          <Button look="end" disabled={end.isPending} onClick={() => end.mutate(null)}>
            Sign out everywhere else
          </Button>
        </div>
      ) : null}
    </section>
  );
}

interface DeviceRowProps {
  device: Device;
  busy: boolean;
  onEnd(): void;
}

function DeviceRow({ device, busy, onEnd }: DeviceRowProps) {
  const { short } = useTimes();
  const written = (time: string) => short(Date.parse(time));
  const used = device.lastUsedAt ?? device.createdAt;
  return (
    <li>
      <span>
        {device.device}
        {device.current ? ", this one" : ""}
        <small>
          signed in {written(device.createdAt)}; last used {written(used)}
        </small>
      </span>
      <Button low disabled={busy} onClick={onEnd}>
        Sign out<span className="visually-hidden"> {device.device}</span>
      </Button>
    </li>
  );
}
